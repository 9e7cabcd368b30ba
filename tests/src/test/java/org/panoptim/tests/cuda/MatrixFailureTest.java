package org.panoptim.tests.cuda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.panoptim.Optimizer;
import org.panoptim.UnusableOptimizerException;
import org.panoptim.cuda.driver.CudaException;
import org.panoptim.parameter.Parameter;
import org.panoptim.rule.SGD;
import org.panoptim.rule.UpdateRule;
import org.panoptim.testkit.VirtualGpu;
import org.panoptim.tests.equivalence.TestBetween;

import java.util.List;

/** What becomes of a rule on matrices that fails between its phases, on a device. */
@Tag("virtual-gpu")
class MatrixFailureTest {

    private static final String WHERE =
            "group 'all': the linear algebra of rule test-between after phase 1, for parameters of"
                    + " [2], failed: ";

    @AfterEach
    void forget() {
        VirtualGpu.fail("cuLaunchKernel", 0, 0);
    }

    private static Optimizer optimizer(Device device, Parameter parameter, UpdateRule rule) {
        return device.build(Optimizer.builder(rule).group("all", List.of(parameter)));
    }

    @ParameterizedTest
    @EnumSource
    void aStepThatIsOnlyCapturedHasChangedNothing(Implementation implementation) {
        try (var device = implementation.device()) {
            var value = device.floats(1, 2);
            var p = device.parameter("p", value).gradient(device.floats(3, 4).memory());
            var failing = new boolean[] {true};
            var thrown = new ArithmeticException("planted");
            var rule =
                    new TestBetween(
                            (phase, _) -> {
                                if (phase == 1 && failing[0]) {
                                    throw thrown;
                                }
                            });
            var optimizer = optimizer(device, p, rule);
            assertThatThrownBy(optimizer::capture)
                    .isExactlyInstanceOf(IllegalStateException.class)
                    .hasMessage(WHERE + thrown)
                    .satisfies(e -> assertThat(e.getCause()).isSameAs(thrown));
            assertThat(optimizer.state("p", "momentum").toArray()).containsExactly(0, 0);
            assertThat(Device.get(value)).containsExactly(1, 2);

            failing[0] = false;
            device.capture(optimizer).launch();
            // The gradient over its norm of 5.
            assertThat(Device.get(value))
                    .containsExactly(new float[] {1 - 0.6f, 2 - 0.8f}, within(1e-6f));
            assertThat(optimizer.report().step()).isEqualTo(1);
        }
    }

    @ParameterizedTest
    @EnumSource
    void anErrorOfTheDriverIsNotedAsAnyOther(Implementation implementation) {
        try (var device = implementation.device()) {
            var q = device.parameter("q", device.floats(1)).gradient(device.floats(1).memory());
            var other = optimizer(device, q, SGD.withLearningRate(1));
            var p = device.parameter("p", device.floats(1, 2));
            p.gradient(device.floats(3, 4).memory());
            var rule =
                    new TestBetween(
                            (phase, work) -> {
                                if (phase == 1) {
                                    VirtualGpu.fail("cuLaunchKernel", 719, 1);
                                    work.engine().norms(work.slot(1), work.scratch(4));
                                }
                            });
            var optimizer = optimizer(device, p, rule);
            assertThatThrownBy(optimizer::step)
                    .isInstanceOf(UnusableOptimizerException.class)
                    .hasMessageContainingAll(WHERE, "cuLaunchKernel", "CUDA_ERROR_LAUNCH_FAILED")
                    .hasRootCauseInstanceOf(CudaException.class);
            assertThatThrownBy(other::step)
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessageContainingAll("unusable", "start anew", "CUDA_ERROR_LAUNCH_FAILED");
        }
    }
}
