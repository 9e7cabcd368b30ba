package org.panoptim.cli.train.autoencoder;

import org.panoptim.backend.Backend;
import org.panoptim.cli.train.EngineOptimizer;
import org.panoptim.cli.train.FusedOptimizer;
import org.panoptim.cli.train.OptimizerSetup;
import org.panoptim.cli.train.TeamMember;
import org.panoptim.parameter.Parameter;
import org.panoptim.testkit.EvaluationPoint;

import java.util.List;
import java.util.Optional;

/** Takes the steps of one optimizer on one net. */
interface Trainer extends AutoCloseable {

    /**
     * Called before the net's loss is differentiated for a step, on all images or on each leaf of
     * them where a {@link TeamMember} trains; gradients are zero, and stay so.
     *
     * @param place of the leaf among this member's; 0 without a team
     */
    default void prepare(int place) {}

    /** Called after each leaf was differentiated, where a team trains. */
    default void accumulate() {
        throw new UnsupportedOperationException("there is no team");
    }

    /** The net's parameters in the order of their registration, if the optimizer names them. */
    default List<Parameter> parameters() {
        return List.of();
    }

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

    /** A remark on the steps, in a line; empty: none. All members of a team ask for it together. */
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

        /**
         * For so many steps.
         *
         * @param member whose team takes the steps together, if there is one
         */
        Fused(
                Autoencoder net,
                OptimizerSetup setup,
                long steps,
                Backend backend,
                Optional<TeamMember> member) {
            fused =
                    new FusedOptimizer(
                            net.module(), setup, steps, Integer.MAX_VALUE, backend, member);
            evaluatesElsewhere = EvaluationPoint.isApart(setup.rule());
        }

        @Override
        public void step(Runnable differentiate) {
            fused.step(differentiate);
        }

        @Override
        public void accumulate() {
            fused.optimizer().accumulate();
        }

        @Override
        public List<Parameter> parameters() {
            return fused.parameters().list();
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
