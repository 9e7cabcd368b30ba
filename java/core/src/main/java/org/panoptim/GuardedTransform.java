package org.panoptim;

import org.panoptim.spi.CurvatureTransform;
import org.panoptim.spi.DeviceStep;
import org.panoptim.spi.Execution;
import org.panoptim.spi.GradientTransform;
import org.panoptim.spi.StepContext;
import org.panoptim.spi.StepPlan;
import org.panoptim.spi.WholeParameters;
import org.panoptim.tensor.Shape;
import org.panoptim.tensor.StateTensor;

import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SequencedMap;
import java.util.function.Supplier;

/**
 * Refuses a step whose transform replaces a parameter's gradient or curvature. Some backends would
 * use the new one and others the one that they were told of, so none may see it.
 */
final class GuardedTransform {

    private GuardedTransform() {}

    /**
     * The transform, guarded.
     *
     * @param inputs what the step was told of, when it comes to one
     */
    static GradientTransform of(GradientTransform transform, Supplier<StepInputs> inputs) {
        return transform instanceof CurvatureTransform curvature
                ? new Curvature(curvature, inputs)
                : step -> guard(inputs.get(), () -> transform.transform(step));
    }

    private static void guard(StepInputs inputs, Runnable transform) {
        try {
            transform.run();
        } catch (Throwable e) {
            inputs.putBack();
            throw e;
        }
        inputs.putBack()
                .ifPresent(
                        parameter -> {
                            throw new IllegalStateException(
                                    "parameter '%s': the transform has replaced its gradient or curvature during the step; it may only write into the gradient that is there, and it is there again"
                                            .formatted(parameter.name()));
                        });
    }

    /** A transform with a life of its own, guarded. */
    private record Curvature(CurvatureTransform guarded, Supplier<StepInputs> inputs)
            implements CurvatureTransform {

        @Override
        public void transform(StepContext step) {
            guard(inputs.get(), () -> guarded.transform(step));
        }

        @Override
        public void enqueue(DeviceStep step) {
            guard(inputs.get(), () -> guarded.enqueue(step));
        }

        @Override
        public void check(StepPlan plan) {
            guarded.check(plan);
        }

        @Override
        public void follow(StepPlan plan, Execution execution) {
            guarded.follow(plan, execution);
        }

        @Override
        public void release() {
            guarded.release();
        }

        @Override
        public boolean queuesOn(Execution execution) {
            return guarded.queuesOn(execution);
        }

        @Override
        public Optional<List<WholeParameters>> wholeParameters() {
            return guarded.wholeParameters();
        }

        @Override
        public SequencedMap<String, String> settings() {
            return guarded.settings();
        }

        @Override
        public void endLeaf(int leaves) {
            guarded.endLeaf(leaves);
        }

        @Override
        public void gradientsUsed() {
            guarded.gradientsUsed();
        }

        @Override
        public void discard() {
            guarded.discard();
        }

        @Override
        public boolean gather(int leaves) {
            return guarded.gather(leaves);
        }

        @Override
        public Map<String, String> metadata() {
            return guarded.metadata();
        }

        @Override
        public List<StateTensor> states() {
            return guarded.states();
        }

        @Override
        public List<Shape> stateShapes() {
            return guarded.stateShapes();
        }

        @Override
        public void checkMetadata(Map<String, String> metadata) {
            guarded.checkMetadata(metadata);
        }

        @Override
        public void restore(Map<String, String> metadata) {
            guarded.restore(metadata);
        }
    }
}
