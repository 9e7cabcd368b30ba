package org.panoptim.tests.cuda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.panoptim.Optimizer;
import org.panoptim.UnusableOptimizerException;
import org.panoptim.cuda.driver.CudaException;
import org.panoptim.kfac.AdaFisherCurvature;
import org.panoptim.kfac.Batch;
import org.panoptim.kfac.Kfac;
import org.panoptim.memory.Buffer;
import org.panoptim.parameter.Parameter;
import org.panoptim.rule.AdaFisher;
import org.panoptim.rule.SGD;
import org.panoptim.spi.CurvatureTransform;
import org.panoptim.spi.DeviceStep;
import org.panoptim.spi.Execution;
import org.panoptim.spi.StepContext;
import org.panoptim.spi.StepPlan;
import org.panoptim.tensor.Shape;
import org.panoptim.tensor.StateTensor;
import org.panoptim.testkit.VirtualGpu;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;

/**
 * Whatever call of the driver fails while curvature is at work in a step: either all is as before
 * and the step can be called again, or the optimizer and the curvature are unusable and say so.
 */
@Tag("virtual-gpu")
class KroneckerFailureTest {

    private static final List<String> CALLS =
            List.of(
                    "cuLaunchKernel",
                    "cuMemAllocAsync",
                    "cuMemcpyDtoDAsync_v2",
                    "cuMemcpyHtoDAsync_v2",
                    "cuMemcpyDtoHAsync_v2",
                    "cuMemsetD32Async",
                    "cuStreamSynchronize",
                    "cuEventSynchronize",
                    "cuEventRecord",
                    "panoptimVirtualSubmit");

    /** Curvature during whose work a call fails, if it comes to so many. */
    private static final class Injecting implements CurvatureTransform {
        private final CurvatureTransform inner;
        String call = "";
        int after;

        Injecting(CurvatureTransform inner) {
            this.inner = inner;
        }

        @Override
        public void enqueue(DeviceStep step) {
            if (after > 0) {
                VirtualGpu.fail(call, FrameworkCalls.OUT_OF_RESOURCES, after);
            }
            try {
                inner.enqueue(step);
            } finally {
                if (after > 0) {
                    VirtualGpu.fail(call, 0, 0);
                }
            }
        }

        @Override
        public void transform(StepContext step) {
            inner.transform(step);
        }

        @Override
        public void check(StepPlan plan) {
            inner.check(plan);
        }

        @Override
        public void follow(StepPlan plan, Execution execution) {
            inner.follow(plan, execution);
        }

        @Override
        public void release() {
            inner.release();
        }

        @Override
        public boolean queuesOn(Execution execution) {
            return inner.queuesOn(execution);
        }

        @Override
        public Map<String, String> metadata() {
            return inner.metadata();
        }

        @Override
        public List<StateTensor> states() {
            return inner.states();
        }

        @Override
        public void checkMetadata(Map<String, String> metadata) {
            inner.checkMetadata(metadata);
        }

        @Override
        public void restore(Map<String, String> metadata) {
            inner.restore(metadata);
        }
    }

    /** A layer in training, under K-FAC or AdaFisher. */
    private static final class Run implements AutoCloseable {
        final Device device;
        final Buffer value;
        final Buffer weightGradient;
        final Parameter weight;
        final Injecting curvature;
        final Optimizer optimizer;
        private final Kfac kfac;
        private final AdaFisherCurvature fisher;

        Run(Implementation implementation, boolean ofKfac) {
            device = implementation.device();
            value = device.floats(new float[6]);
            weightGradient = device.floats(new float[6]);
            weight = Parameter.of("weight", Shape.of(2, 3), value.memory());
            weight.gradient(weightGradient.memory());
            kfac =
                    Kfac.builder(device.backend())
                            .layer("l", weight)
                            .inversePeriod(2)
                            .damping(.01)
                            .build();
            fisher =
                    AdaFisherCurvature.builder(device.backend())
                            .layer("l", weight)
                            .period(2)
                            .build();
            curvature = new Injecting(ofKfac ? kfac : fisher);
            optimizer =
                    Optimizer.builder(
                                    ofKfac
                                            ? SGD.withLearningRate(1)
                                            : AdaFisher.withLearningRate(1))
                            .group("all", List.of(weight))
                            .transform(curvature)
                            .backend(device.backend())
                            .build();
        }

        void prepare(int step) {
            var inputs = device.floats(Doubles.random(new Random(step), 12)).memory();
            var gradients = device.floats(Doubles.random(new Random(50 + step), 8)).memory();
            if (curvature.inner == kfac) {
                kfac.accumulate("l", inputs, gradients, Batch.sum());
            } else {
                fisher.accumulate("l", inputs, gradients, Batch.sum());
            }
            Device.set(weightGradient, Doubles.random(new Random(100 + step), 6));
        }

        /** All that a step changes. */
        List<Object> everything() {
            var all = new ArrayList<>();
            all.add(string(Device.get(value)));
            all.add(string(Device.get(weightGradient)));
            curvature.states().forEach(state -> all.add(string(state.toArray())));
            all.add(curvature.metadata());
            all.add(optimizer.report());
            return all;
        }

        private static String string(float[] values) {
            return Arrays.toString(values);
        }

        @Override
        public void close() {
            optimizer.close();
            kfac.close();
            fisher.close();
            device.close();
        }
    }

    /** What came of a failure. */
    private enum Result {
        NONE,
        TAKEN_BACK,
        UNUSABLE
    }

    private static Result fail(
            Implementation implementation, boolean ofKfac, int at, String call, int after) {
        try (var straight = new Run(implementation, ofKfac);
                var failed = new Run(implementation, ofKfac)) {
            for (int step = 0; step < at; step++) {
                straight.prepare(step);
                failed.prepare(step);
                straight.optimizer.step();
                failed.optimizer.step();
            }
            straight.prepare(at);
            failed.prepare(at);
            var before = failed.everything();
            failed.curvature.call = call;
            failed.curvature.after = after;
            var result = Result.NONE;
            try {
                failed.optimizer.step();
            } catch (UnusableOptimizerException e) {
                assertThat(e).hasCauseInstanceOf(CudaException.class);
                result = Result.UNUSABLE;
            } catch (CudaException e) {
                result = Result.TAKEN_BACK;
            }
            failed.curvature.after = 0;
            if (result != Result.NONE) {
                assertThat(isUnusable(failed)).isEqualTo(result == Result.UNUSABLE);
            }
            if (result == Result.UNUSABLE) {
                assertThatThrownBy(failed.optimizer::report)
                        .isInstanceOf(UnusableOptimizerException.class)
                        .hasMessageContainingAll("unusable", "checkpoint");
                return result;
            }
            if (result == Result.TAKEN_BACK) {
                assertThat(failed.everything()).isEqualTo(before);
                failed.optimizer.step();
            }
            straight.optimizer.step();
            straight.prepare(at + 1);
            failed.prepare(at + 1);
            straight.optimizer.step();
            failed.optimizer.step();
            assertThat(failed.everything()).isEqualTo(straight.everything());
            return result;
        }
    }

    private static boolean isUnusable(Run run) {
        try {
            run.curvature.metadata();
            return false;
        } catch (IllegalStateException e) {
            assertThat(e).hasMessageContaining("unusable");
            return true;
        }
    }

    /** Tries every call; returns what came of them. */
    private static List<Result> failEvery(Implementation implementation, boolean ofKfac, int at) {
        var results = new ArrayList<Result>();
        for (var call : CALLS) {
            for (int after = 1; ; after++) {
                var result = fail(implementation, ofKfac, at, call, after);
                if (result == Result.NONE) {
                    break;
                }
                results.add(result);
            }
        }
        return results;
    }

    @ParameterizedTest
    @EnumSource
    void aStepOfKfacBetweenRefreshesIsTakenBackWhateverFails(Implementation implementation) {
        var results = failEvery(implementation, true, 1);
        assertThat(results).hasSizeGreaterThan(5).containsOnly(Result.TAKEN_BACK);
    }

    @ParameterizedTest
    @EnumSource
    void aRefreshOfKfacIsTakenBackOrKfacSaysThatItIsUnusable(Implementation implementation) {
        var results = failEvery(implementation, true, 2);
        assertThat(results).contains(Result.TAKEN_BACK, Result.UNUSABLE);
        assertThat(fail(implementation, true, 2, "cuMemAllocAsync", 1))
                .as("memory that runs out when a refresh begins")
                .isEqualTo(Result.TAKEN_BACK);
    }

    @ParameterizedTest
    @EnumSource
    void aStepOfAdaFisherIsTakenBackOrItSaysThatItIsUnusable(Implementation implementation) {
        for (int at : new int[] {1, 2}) {
            var results = failEvery(implementation, false, at);
            if (at == 2) {
                assertThat(results).contains(Result.TAKEN_BACK, Result.UNUSABLE);
            }
        }
    }
}
