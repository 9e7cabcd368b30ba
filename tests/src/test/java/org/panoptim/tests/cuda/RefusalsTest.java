package org.panoptim.tests.cuda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.panoptim.Optimizer;
import org.panoptim.memory.Buffer;
import org.panoptim.parameter.Parameter;
import org.panoptim.rule.SGD;
import org.panoptim.spi.GradientTransform;
import org.panoptim.step.NonFiniteGradientException;
import org.panoptim.step.NonFinitePolicy;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;

/** What a device has refused is told once, late, and of the right attempt. */
@Tag("virtual-gpu")
class RefusalsTest {

    /**
     * A parameter of one element, and an optimizer that fails for gradients that are not finite.
     */
    private static final class Training {

        final Buffer value;
        final Buffer good;
        final Buffer bad;
        final Parameter parameter;
        final Optimizer optimizer;

        Training(Device device) {
            this(device, null);
        }

        Training(Device device, GradientTransform transform) {
            value = device.floats(0);
            good = device.floats(1);
            bad = device.floats(Float.NaN);
            parameter = device.parameter("p", value).gradient(good.memory());
            var builder =
                    Optimizer.builder(SGD.withLearningRate(1))
                            .nonFinite(NonFinitePolicy.FAIL)
                            .group("all", List.of(parameter));
            if (transform != null) {
                builder.transform(transform);
            }
            optimizer = device.build(builder);
        }

        void step(Buffer gradient, int times) {
            parameter.gradient(gradient.memory());
            for (int i = 0; i < times; i++) {
                optimizer.step();
            }
        }

        /** Waits for the device without asking the optimizer. */
        void await() {
            Device.get(value);
        }
    }

    @ParameterizedTest
    @EnumSource
    void aLoadForgetsWhatWasRefusedBeforeIt(Implementation implementation, @TempDir Path folder)
            throws IOException {
        var file = folder.resolve("two.safetensors");
        try (var device = implementation.device()) {
            var training = new Training(device);
            training.step(training.good, 2);
            training.optimizer.save(file);
            training.step(training.bad, 3);

            training.optimizer.load(file);

            training.step(training.good, 1);
            assertThat(training.optimizer.report().step()).isEqualTo(3);
            assertThat(Device.get(training.value)).containsExactly(-3);
            training.step(training.bad, 1);
            assertThatThrownBy(training.optimizer::report)
                    .isInstanceOf(NonFiniteGradientException.class)
                    .hasMessageContaining("the attempt after step 3 was refused");
        }
    }

    @ParameterizedTest
    @EnumSource
    void anAttemptThatItsTransformTakesBackIsNotTold(Implementation implementation) {
        try (var device = implementation.device()) {
            var failing = new boolean[] {true};
            var training =
                    new Training(
                            device,
                            _ -> {
                                if (failing[0]) {
                                    throw new IllegalArgumentException("the transform's own");
                                }
                            });
            assertThatThrownBy(() -> training.step(training.bad, 1))
                    .isInstanceOf(IllegalArgumentException.class);
            failing[0] = false;

            training.step(training.good, 1);

            assertThat(training.optimizer.report().skipped()).isZero();
            assertThat(Device.get(training.value)).containsExactly(-1);
            training.step(training.bad, 1);
            assertThatThrownBy(training.optimizer::report)
                    .isInstanceOf(NonFiniteGradientException.class)
                    .hasMessageContaining("the attempt after step 1 was refused");
        }
    }

    @ParameterizedTest
    @EnumSource
    void aRefusalThatIsHeardOfLateIsToldOfTheStepsThatItMayBeBetween(
            Implementation implementation) {
        try (var device = implementation.device()) {
            var training = new Training(device);
            training.step(training.good, 3);
            training.optimizer.report();
            training.step(training.bad, 1);
            training.step(training.good, 5);
            training.await();
            assertThatThrownBy(training.optimizer::step)
                    .isInstanceOf(NonFiniteGradientException.class)
                    .hasMessageContaining("an attempt between steps 3 and 8 was refused");
            training.step(training.bad, 1);
            assertThatThrownBy(training.optimizer::report)
                    .isInstanceOf(NonFiniteGradientException.class)
                    .hasMessageContaining("the attempt after step 8 was refused");
        }
    }
}
