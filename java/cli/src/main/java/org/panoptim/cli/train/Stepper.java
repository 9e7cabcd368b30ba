package org.panoptim.cli.train;

import org.panoptim.Optimizer;
import org.panoptim.StepReport;
import org.panoptim.backend.Backend;
import org.panoptim.cli.train.Classifier.Batch;
import org.panoptim.cli.train.TeamMember.Leaf;
import org.panoptim.parameter.Parameter;

import java.util.List;
import java.util.Optional;

/** Takes the steps of one optimizer. */
interface Stepper extends AutoCloseable {

    /**
     * Called with each batch, or each leaf of one where a {@link TeamMember} trains, before its
     * loss is differentiated for a step; gradients are zero, and stay so.
     *
     * @param batch the examples
     */
    default void prepare(long step, Batch batch, Leaf leaf) {}

    /** Called after each leaf of a batch was differentiated, where a {@link TeamMember} trains. */
    default void accumulate() {
        throw new UnsupportedOperationException("there is no team");
    }

    /**
     * Updates the net from its gradients and sets them to zero.
     *
     * @param differentiate adds to the gradients once more, for those who need them at another
     *     point
     */
    void step(Runnable differentiate);

    /** The net's parameters in the order of their registration, if the optimizer names them. */
    default List<Parameter> parameters() {
        return List.of();
    }

    /** What came of the last step, if the optimizer says so and took statistics. */
    default Optional<StepReport> report() {
        return Optional.empty();
    }

    /** Does something while the net is where it is to be evaluated. */
    default void evaluate(Runnable evaluation) {
        evaluation.run();
    }

    @Override
    void close();

    /** PyTorch's AdamW. */
    final class Engine implements Stepper {

        private final EngineOptimizer optimizer;

        /** PyTorch's optimizer for a net, and so many steps. */
        Engine(Classifier net, OptimizerSetup setup, long steps) {
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

    /** One of Panoptim's optimizers on PyTorch's tensors. */
    final class Fused implements Stepper {

        /** How many steps one estimate of the curvature serves. */
        private static final int CURVATURE_INTERVAL = 10;

        private final Classifier net;
        private final FusedOptimizer fused;
        private final Curvature curvature;

        /**
         * For so many steps, with statistics every so many of them.
         *
         * @param member whose team takes the steps together, if there is one
         */
        Fused(
                Classifier net,
                OptimizerSetup setup,
                long steps,
                int statisticsEvery,
                Backend backend,
                Optional<TeamMember> member) {
            this.net = net;
            this.curvature = Curvature.of(setup.rule());
            this.fused =
                    new FusedOptimizer(
                            net.module(), setup, steps, statisticsEvery, backend, member);
        }

        Optimizer optimizer() {
            return fused.optimizer();
        }

        @Override
        public void prepare(long step, Batch batch, Leaf leaf) {
            if (curvature != Curvature.NONE && (step - 1) % CURVATURE_INTERVAL == 0) {
                if (!leaf.isEmpty()) {
                    curvature.estimate(net, batch, leaf::weighted);
                }
                fused.parameters().takeGradientsAsCurvature();
            }
        }

        @Override
        public void accumulate() {
            fused.optimizer().accumulate();
        }

        @Override
        public void step(Runnable differentiate) {
            fused.step(differentiate);
        }

        @Override
        public List<Parameter> parameters() {
            return fused.parameters().list();
        }

        @Override
        public Optional<StepReport> report() {
            return Optional.of(fused.optimizer().report())
                    .filter(report -> report.updateNorm().isPresent());
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
