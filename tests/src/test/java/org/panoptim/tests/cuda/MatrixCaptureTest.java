package org.panoptim.tests.cuda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.panoptim.Optimizer;
import org.panoptim.memory.Buffer;
import org.panoptim.parameter.Parameter;
import org.panoptim.rule.MatrixRule;
import org.panoptim.rule.Muon;
import org.panoptim.step.NonFinitePolicy;
import org.panoptim.tensor.Shape;
import org.panoptim.tests.equivalence.TestOrthogonal;

import java.util.ArrayList;
import java.util.List;
import java.util.Random;

/** A captured step has the linear algebra of rules on matrices in its graph. */
@Tag("virtual-gpu")
class MatrixCaptureTest {

    private static final int STEPS = 5;
    private static final int BAD_STEP = 3;

    /** Of one block and of several, of which two lie at one distance and can be a batch. */
    private static final List<Shape> SHAPES =
            List.of(Shape.of(2, 3), Shape.of(70, 66), Shape.of(70, 66), Shape.of(3, 130));

    /** Matrices in training. */
    private static final class Run implements AutoCloseable {

        private final Device device;
        private final List<Buffer> values = new ArrayList<>();
        private final List<Buffer> gradients = new ArrayList<>();
        final Optimizer optimizer;

        Run(Implementation implementation, MatrixRule rule) {
            device = implementation.device();
            var random = new Random(5);
            var parameters = new ArrayList<Parameter>();
            for (var shape : SHAPES) {
                var value = device.floats(normal(random, shape));
                var gradient = device.bytes(shape.elements() * Float.BYTES);
                values.add(value);
                gradients.add(gradient);
                parameters.add(
                        Parameter.of("p" + parameters.size(), shape, value.memory())
                                .gradient(gradient.memory()));
            }
            optimizer =
                    device.build(
                            Optimizer.builder(rule)
                                    .group("all", parameters)
                                    .nonFinite(NonFinitePolicy.SKIP));
        }

        private static float[] normal(Random random, Shape shape) {
            var values = new float[Math.toIntExact(shape.elements())];
            for (int i = 0; i < values.length; i++) {
                values[i] = (float) random.nextGaussian();
            }
            return values;
        }

        /** What steps with gradients in the same places make of the matrices, one after another. */
        List<float[]> trained(Runnable step) {
            var random = new Random(6);
            var seen = new ArrayList<float[]>();
            for (int i = 1; i <= STEPS; i++) {
                for (int j = 0; j < SHAPES.size(); j++) {
                    var gradient = normal(random, SHAPES.get(j));
                    if (i == BAD_STEP) {
                        gradient[gradient.length - 1] = Float.NaN;
                    }
                    Device.set(gradients.get(j), gradient);
                }
                step.run();
                values.forEach(value -> seen.add(Device.get(value)));
            }
            return seen;
        }

        @Override
        public void close() {
            device.close();
        }
    }

    @ParameterizedTest
    @CsvSource({"FFM, false", "FFM, true", "JCUDA, false", "JCUDA, true"})
    void itGoesOnAsAPlainStepDoes(Implementation implementation, boolean whitened) {
        requireThatItGoesOn(implementation, new TestOrthogonal(0.1, 0.5, false, whitened));
    }

    @ParameterizedTest
    @EnumSource
    void soDoesMuon(Implementation implementation) {
        requireThatItGoesOn(implementation, Muon.withLearningRate(0.1));
    }

    private static void requireThatItGoesOn(Implementation implementation, MatrixRule rule) {
        try (var plain = new Run(implementation, rule);
                var captured = new Run(implementation, rule)) {
            var expected = plain.trained(plain.optimizer::step);
            var graph = captured.device.capture(captured.optimizer);
            assertThat(captured.trained(graph::launch))
                    .usingRecursiveComparison()
                    .isEqualTo(expected);
            assertThat(captured.optimizer.report().skipped()).isEqualTo(1);
            assertThat(expected).noneMatch(MatrixCaptureTest::hasNan);
        }
    }

    private static boolean hasNan(float[] values) {
        for (float value : values) {
            if (Float.isNaN(value)) {
                return true;
            }
        }
        return false;
    }

    @ParameterizedTest
    @EnumSource
    void itFollowsTheLearningRateAndNoOtherSetting(Implementation implementation) {
        var rule = new TestOrthogonal(0.1, 0.5, false);
        try (var plain = new Run(implementation, rule);
                var captured = new Run(implementation, rule)) {
            var graph = captured.device.capture(captured.optimizer);
            for (var run : List.of(plain, captured)) {
                run.optimizer.rule("all", new TestOrthogonal(0.2, 0.5, false));
            }
            var expected = plain.trained(plain.optimizer::step);
            assertThat(captured.trained(graph::launch))
                    .usingRecursiveComparison()
                    .isEqualTo(expected);

            captured.optimizer.rule("all", new TestOrthogonal(0.2, 0.25, false));
            assertThatThrownBy(graph::launch).isInstanceOf(IllegalStateException.class);
        }
    }
}
