package org.panoptim.tests.cuda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.panoptim.Optimizer;
import org.panoptim.rule.SAM;
import org.panoptim.rule.SGD;
import org.panoptim.step.LossScale;

import java.util.List;

/** Named passes in graphs, and beside graphs of a step. */
@Tag("virtual-gpu")
class PassCaptureTest {

    private static Optimizer.Builder<SGD> builder() {
        return Optimizer.builder(SGD.withLearningRate(1)).companion(SAM.withRho(10));
    }

    @ParameterizedTest
    @EnumSource
    void aFrameworksGraphPerturbsRestoresAndSteps(Implementation implementation) {
        try (var framework = new Framework(implementation)) {
            var device = framework.device;
            var value = device.floats(0, 0);
            var first = device.floats(3, 4);
            var second = device.floats(1, 0);
            var p = device.parameter("p", value).gradient(first.memory());
            var optimizer = device.build(builder().group("all", List.of(p)));
            var perturb = framework.capture(() -> optimizer.run(SAM.PERTURB));
            // Nothing was run, so nothing is open.
            optimizer.step();
            assertThat(Device.get(value)).containsExactly(-3, -4);
            var rest =
                    framework.capture(
                            () -> {
                                p.gradient(second.memory());
                                optimizer.run(SAM.RESTORE);
                                optimizer.step();
                            });
            perturb.run();
            assertThat(Device.get(value)).containsExactly(3, 4);
            rest.run();
            assertThat(Device.get(value)).containsExactly(-4, -4);
            Device.set(second, 0, 1);
            perturb.run();
            assertThat(Device.get(value)).containsExactly(2, 4);
            rest.run();
            assertThat(Device.get(value)).containsExactly(-4, -5);
            assertThat(optimizer.report().step()).isEqualTo(3);
            // Outside of graphs, with the gradient that the parameter holds.
            optimizer.run(SAM.PERTURB);
            assertThat(Device.get(value)).containsExactly(-4, 5);
            optimizer.run(SAM.RESTORE);
            assertThat(Device.get(value)).containsExactly(-4, -5);
        }
    }

    @ParameterizedTest
    @EnumSource
    void aCapturedStepIsNotLaunchedWhileAPassIsOpen(Implementation implementation) {
        try (var device = implementation.device()) {
            var value = device.floats(0, 0);
            var p = device.parameter("p", value).gradient(device.floats(3, 4).memory());
            var optimizer = device.build(builder().group("all", List.of(p)));
            var captured = device.capture(optimizer);
            optimizer.run(SAM.PERTURB);
            assertThatThrownBy(captured::launch)
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessageContainingAll("perturb", "restore");
            assertThat(Device.get(value)).containsExactly(6, 8);
            optimizer.run(SAM.RESTORE);
            captured.launch();
            assertThat(Device.get(value)).containsExactly(-3, -4);
        }
    }

    @ParameterizedTest
    @EnumSource
    void aPassGoesByTheLossScaleThatTheDeviceHasComeTo(Implementation implementation) {
        try (var device = implementation.device()) {
            var value = device.floats(0, 0);
            var p = device.parameter("p", value).gradient(device.floats(12, Float.NaN).memory());
            var optimizer =
                    device.build(
                            builder()
                                    .lossScale(new LossScale.Dynamic(8, 2, 0.5, 100))
                                    .group("all", List.of(p)));
            // Refused, which the host does not know yet when it queues the pass.
            optimizer.step();
            p.gradient(device.floats(4e-12f, 0).memory());
            optimizer.run(SAM.PERTURB);
            // At a loss scale of 4 the gradient is 1e-12, and so is what keeps the norm from 0.
            assertThat(Device.get(value)[0])
                    .isCloseTo(5, org.assertj.core.data.Offset.offset(1e-5f));
        }
    }
}
