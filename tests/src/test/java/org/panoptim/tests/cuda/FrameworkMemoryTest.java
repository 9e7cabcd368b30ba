package org.panoptim.tests.cuda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.panoptim.Optimizer;
import org.panoptim.memory.Buffer;
import org.panoptim.parameter.Parameter;
import org.panoptim.parameter.ParameterSource;
import org.panoptim.rule.SGD;
import org.panoptim.step.NonFinitePolicy;
import org.panoptim.tensor.DimensionOrder;
import org.panoptim.tensor.Shape;

import java.util.ArrayList;
import java.util.List;

/** A framework owns the memory of parameters on a device, and may give them other gradients. */
@Tag("virtual-gpu")
class FrameworkMemoryTest {

    /** A parameter whose gradient the framework supplies at each query. */
    private static final class Framework implements AutoCloseable {
        final Device device;
        final Buffer value;
        final Buffer gradient;
        final Buffer other;
        final Parameter parameter;
        final List<String> written = new ArrayList<>();

        /** What the framework does at a query. */
        Runnable onRefresh;

        Framework(Implementation implementation) {
            device = implementation.device();
            value = device.floats(0, 0);
            gradient = device.floats(1, 2);
            other = device.floats(10, 20);
            parameter =
                    Parameter.of(
                            "p",
                            Shape.of(2),
                            DimensionOrder.contiguous(1),
                            value.memory(),
                            this::watch);
            onRefresh = () -> parameter.gradient(gradient.memory());
        }

        private ParameterSource.Watch watch(List<Parameter> parameters) {
            return new ParameterSource.Watch() {
                @Override
                public void refresh() {
                    onRefresh.run();
                }

                @Override
                public void valueWritten(int index) {
                    written.add("value");
                }

                @Override
                public void gradientWritten(int index) {
                    written.add("gradient");
                }
            };
        }

        Optimizer.Builder<SGD> builder() {
            return Optimizer.builder(SGD.withLearningRate(1)).group("all", List.of(parameter));
        }

        @Override
        public void close() {
            device.close();
        }
    }

    @ParameterizedTest
    @EnumSource
    void aStepFollowsTheGradient(Implementation implementation) {
        try (var framework = new Framework(implementation)) {
            var optimizer = framework.device.build(framework.builder());
            optimizer.step();
            framework.onRefresh = () -> framework.parameter.gradient(framework.other.memory());
            optimizer.step();
            assertThat(Device.get(framework.value)).containsExactly(-11, -22);
            assertThat(framework.written).containsExactly("value", "value");
        }
    }

    @ParameterizedTest
    @EnumSource
    void aCapturedStepIsLaunchedOnlyOverTheMemoryOfItsCapture(Implementation implementation) {
        try (var framework = new Framework(implementation)) {
            var optimizer = framework.device.build(framework.builder().zeroGradients(true));
            var captured = framework.device.capture(optimizer);
            assertThat(framework.written).isEmpty();
            captured.launch();
            assertThat(Device.get(framework.value)).containsExactly(-1, -2);
            assertThat(framework.written).containsExactly("value", "gradient");

            for (var elsewhere :
                    List.<Runnable>of(
                            () -> framework.parameter.gradient(framework.other.memory()),
                            framework.parameter::clearGradient)) {
                framework.onRefresh = elsewhere;
                assertThatThrownBy(captured::launch)
                        .isInstanceOf(IllegalStateException.class)
                        .hasMessage(
                                "the gradient of parameter 'p' is not where it was when the step"
                                        + " was captured; capture the step anew");
            }
            framework.onRefresh =
                    () -> {
                        throw new IllegalStateException("p has moved");
                    };
            assertThatThrownBy(captured::launch).hasMessage("p has moved");
            assertThat(framework.written).containsExactly("value", "gradient");
            assertThat(Device.get(framework.other)).containsExactly(10, 20);

            framework.onRefresh = () -> framework.parameter.gradient(framework.gradient.memory());
            Device.set(framework.gradient, 3, 3);
            captured.launch();
            assertThat(Device.get(framework.value)).containsExactly(-4, -5);
            assertThat(optimizer.report().step()).isEqualTo(2);
        }
    }

    @ParameterizedTest
    @EnumSource
    void aStepThatTheDeviceMayHaveTakenCountsAsWritten(Implementation implementation) {
        try (var framework = new Framework(implementation)) {
            Device.set(framework.gradient, Float.NaN, 1);
            var optimizer =
                    framework.device.build(framework.builder().nonFinite(NonFinitePolicy.SKIP));
            optimizer.step();
            assertThat(framework.written).containsExactly("value");
            assertThat(optimizer.report().accepted()).isFalse();
        }
    }
}
