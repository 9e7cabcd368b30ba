package org.panoptim.cli.train.autoencoder;

import org.panoptim.backend.Backend;
import org.panoptim.cli.train.EngineOptimizer;
import org.panoptim.cli.train.FusedOptimizer;
import org.panoptim.cli.train.OptimizerSetup;
import org.panoptim.testkit.EvaluationPoint;

/** Takes the steps of one optimizer on one net. */
interface Trainer extends AutoCloseable {

    /** Called before the net's loss is differentiated; gradients are zero, and stay so. */
    default void prepare() {}

    /**
     * Updates the net from its gradients and sets them to zero.
     *
     * @param differentiate adds to the gradients once more, for those who need them at another
     *     point
     */
    void step(Runnable differentiate);

    /** Whether the net is evaluated elsewhere than where it is trained. */
    default boolean evaluatesElsewhere() {
        return false;
    }

    /** Does something while the net is where it is to be evaluated. */
    default void evaluate(Runnable evaluation) {
        evaluation.run();
    }

    /** A remark on the steps, in a line; empty: none. */
    default String remark() {
        return "";
    }

    @Override
    void close();

    /** PyTorch's Adam. */
    final class Engine implements Trainer {

        private final EngineOptimizer optimizer;

        /** For so many steps. */
        Engine(Autoencoder net, OptimizerSetup setup, long steps) {
            optimizer = new EngineOptimizer(net.module(), setup, steps);
        }

        @Override
        public void step(Runnable differentiate) {
            optimizer.step();
        }

        @Override
        public void close() {
            optimizer.close();
        }
    }

    /** One of Panoptim's rules on PyTorch's tensors. */
    final class Fused implements Trainer {

        private final FusedOptimizer fused;
        private final boolean evaluatesElsewhere;

        /** For so many steps. */
        Fused(Autoencoder net, OptimizerSetup setup, long steps, Backend backend) {
            fused = new FusedOptimizer(net.module(), setup, steps, Integer.MAX_VALUE, backend);
            evaluatesElsewhere = EvaluationPoint.isApart(setup.rule());
        }

        @Override
        public void step(Runnable differentiate) {
            fused.step(differentiate);
        }

        @Override
        public boolean evaluatesElsewhere() {
            return evaluatesElsewhere;
        }

        @Override
        public void evaluate(Runnable evaluation) {
            fused.evaluate(evaluation);
        }

        @Override
        public void close() {
            fused.close();
        }
    }
}
