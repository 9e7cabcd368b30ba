package org.panoptim.tests.cuda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.panoptim.Optimizer;
import org.panoptim.backend.Backend;
import org.panoptim.cuda.CudaFfmProvider;
import org.panoptim.cuda.CudaOptions;
import org.panoptim.memory.Buffer;
import org.panoptim.parameter.Parameter;
import org.panoptim.step.NonFinitePolicy;
import org.panoptim.tensor.Shape;
import org.panoptim.tests.equivalence.TestOrthogonal;

import java.util.List;

/** A captured step has the linear algebra of rules on matrices in its graph. */
@Tag("virtual-gpu")
class MatrixCaptureTest {

    private static final int STEPS = 5;
    private static final int BAD_STEP = 3;

    /** A matrix in training. */
    private static final class Run implements AutoCloseable {

        private final Backend backend = CudaFfmProvider.open(CudaOptions.defaults());
        private final Buffer value = backend.allocate(24);
        private final Buffer gradient = backend.allocate(24);
        final Optimizer optimizer;

        Run() {
            Device.set(value, 1, 2, 3, 4, 5, 6);
            var parameter =
                    Parameter.of("p", Shape.of(2, 3), value.memory()).gradient(gradient.memory());
            optimizer =
                    Optimizer.builder(new TestOrthogonal(0.1, 0.5, false))
                            .group("all", List.of(parameter))
                            .nonFinite(NonFinitePolicy.SKIP)
                            .backend(backend)
                            .build();
        }

        float[] trained(Runnable step) {
            for (int i = 1; i <= STEPS; i++) {
                float last = i == BAD_STEP ? Float.NaN : i;
                Device.set(gradient, 1, -i, 0.5f, 2, i, last);
                step.run();
            }
            return Device.get(value);
        }

        @Override
        public void close() {
            optimizer.close();
            gradient.close();
            value.close();
            backend.close();
        }
    }

    @Test
    void itGoesOnAsAPlainStepDoes() {
        try (var plain = new Run();
                var captured = new Run()) {
            var expected = plain.trained(plain.optimizer::step);
            try (var graph = captured.optimizer.capture()) {
                assertThat(captured.trained(graph::launch)).containsExactly(expected);
            }
            assertThat(captured.optimizer.report().skipped()).isEqualTo(1);
        }
    }

    @Test
    void itFollowsTheLearningRateAndNoOtherSetting() {
        try (var plain = new Run();
                var captured = new Run();
                var graph = captured.optimizer.capture()) {
            for (var run : List.of(plain, captured)) {
                run.optimizer.rule("all", new TestOrthogonal(0.2, 0.5, false));
            }
            var expected = plain.trained(plain.optimizer::step);
            assertThat(captured.trained(graph::launch)).containsExactly(expected);

            captured.optimizer.rule("all", new TestOrthogonal(0.2, 0.25, false));
            assertThatThrownBy(graph::launch).isInstanceOf(IllegalStateException.class);
        }
    }
}
