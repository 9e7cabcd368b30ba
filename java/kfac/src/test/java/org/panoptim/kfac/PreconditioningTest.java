package org.panoptim.kfac;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;
import static org.panoptim.kfac.Matrices.damped;
import static org.panoptim.kfac.Matrices.inverse;
import static org.panoptim.kfac.Matrices.largestDifference;
import static org.panoptim.kfac.Matrices.moment;
import static org.panoptim.kfac.Matrices.multiply;
import static org.panoptim.kfac.Matrices.random;
import static org.panoptim.kfac.Matrices.scale;
import static org.panoptim.kfac.Matrices.trace;
import static org.panoptim.kfac.Matrices.transpose;
import static org.panoptim.kfac.Matrices.withOnes;
import static org.panoptim.kfac.OneLayer.INPUTS;
import static org.panoptim.kfac.OneLayer.OUTPUTS;

import org.junit.jupiter.api.Test;
import org.panoptim.memory.HostMemory;
import org.panoptim.parameter.Parameter;
import org.panoptim.schedule.Schedule;
import org.panoptim.step.LossScale;
import org.panoptim.step.NonFinitePolicy;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.function.UnaryOperator;

/** What a step leaves in the gradients. */
class PreconditioningTest {

    private static final double GAMMA = .04;

    private final double[][] inputs = random(8, INPUTS, 1);
    private final double[][] gradients = random(8, OUTPUTS, 2);
    private final double[][] gradient = random(OUTPUTS, INPUTS + 1, 5);
    private final double[][] a = moment(withOnes(inputs));
    private final double[][] g = moment(gradients);

    private OneLayer layer(UnaryOperator<Kfac.Builder> change) {
        return new OneLayer(
                builder -> change.apply(builder.damping(GAMMA).klClip(Double.POSITIVE_INFINITY)));
    }

    private static double[][] preconditioned(
            double[][] a, double[][] g, double[][] gradient, double pi) {
        double root = Math.sqrt(GAMMA);
        return multiply(
                multiply(inverse(damped(g, root / pi)), gradient), inverse(damped(a, pi * root)));
    }

    private double pi() {
        return Math.sqrt((trace(a) / (INPUTS + 1)) / (trace(g) / OUTPUTS));
    }

    private static MemorySegment segment(Parameter parameter) {
        return ((HostMemory) parameter.gradient().orElseThrow()).segment();
    }

    private void step(OneLayer layer) {
        layer.accumulate(inputs, gradients);
        layer.gradient(gradient);
        layer.optimizer.step();
    }

    private static void assertClose(double[][] actual, double[][] expected) {
        assertThat(largestDifference(actual, expected)).isLessThan(2e-5);
    }

    @Test
    void dampingIsTheRootOfTheBlocksAndSharedOutByTheTraces() {
        try (var layer = layer(builder -> builder)) {
            step(layer);
            assertClose(layer.gradient(), preconditioned(a, g, gradient, pi()));
        }
    }

    @Test
    void withoutTheCorrectionBothFactorsGetTheSameDamping() {
        try (var layer = layer(builder -> builder.piCorrection(false))) {
            step(layer);
            assertClose(layer.gradient(), preconditioned(a, g, gradient, 1));
        }
    }

    @Test
    void aZeroFactorIsDampedWithoutCorrection() {
        try (var layer = layer(builder -> builder)) {
            layer.accumulate(inputs, scale(0, gradients));
            layer.gradient(gradient);
            layer.optimizer.step();
            assertClose(layer.gradient(), preconditioned(a, scale(0, g), gradient, 1));
            assertThat(layer.kfac.report().orElseThrow().fallbacks()).isEmpty();
        }
    }

    @Test
    void theChangeIsBoundedInTheSenseOfTheDivergence() {
        double kappa = 1e-3;
        double rate = .5;
        try (var layer =
                new OneLayer(
                        builder -> builder.damping(GAMMA).klClip(kappa),
                        builder -> builder.schedule(Schedule.step(1, rate)))) {
            step(layer);
            var u = preconditioned(a, g, gradient, pi());
            double product = trace(multiply(u, transpose(gradient)));
            double nu = Math.sqrt(kappa / product);
            assertThat(layer.kfac.klCoefficient().orElseThrow()).isCloseTo(nu, within(1e-6));
            assertClose(layer.gradient(), scale(nu, u));

            // From the second step on the schedule halves the learning rate of 1.
            layer.gradient(gradient);
            layer.optimizer.step();
            double halved = Math.sqrt(kappa / (rate * rate * product));
            assertThat(layer.kfac.klCoefficient().orElseThrow()).isCloseTo(halved, within(1e-6));
        }
    }

    @Test
    void gradientsStayMultipliedByTheLossScale() {
        try (var layer =
                new OneLayer(
                        builder -> builder.damping(GAMMA).klClip(1e-3),
                        builder -> builder.lossScale(LossScale.fixed(256)))) {
            layer.accumulate(inputs, scale(256, gradients));
            layer.gradient(scale(256, gradient));
            layer.optimizer.step();
            var u = preconditioned(a, g, gradient, pi());
            double nu = Math.sqrt(1e-3 / trace(multiply(u, transpose(gradient))));
            assertClose(scale(1.0 / 256, layer.gradient()), scale(nu, u));
        }
    }

    @Test
    void parametersOfNoLayerPassThrough() {
        try (var layer = layer(builder -> builder)) {
            var others = new double[][] {{1, -2, 3, 4}};
            layer.other.gradient(Matrices.floats(layer.arena, others));
            step(layer);
            var left = ((HostMemory) layer.other.gradient().orElseThrow()).segment();
            assertThat(Matrices.read(left, 1, 4)).isDeepEqualTo(others);
        }
    }

    @Test
    void aLayerWithoutFactorsStandsStill() {
        try (var layer = layer(builder -> builder)) {
            layer.gradient(gradient);
            layer.optimizer.step();
            assertThat(layer.gradient()).isDeepEqualTo(scale(0, gradient));
            assertThat(layer.kfac.layersWithoutInverse()).containsExactly("l");
        }
    }

    @Test
    void aLayerWithoutFactorsKeepsItsGradientWhereTheIdentityIsAskedFor() {
        try (var layer = layer(builder -> builder.withoutInverse(WithoutInverse.IDENTITY))) {
            layer.gradient(gradient);
            layer.optimizer.step();
            assertThat(layer.gradient()).isDeepEqualTo(gradient);
        }
    }

    @Test
    void theGradientOfAParameterThatHasNoneCountsAsZero() {
        for (boolean frozen : new boolean[] {false, true}) {
            try (var layer = layer(builder -> builder)) {
                layer.accumulate(inputs, gradients);
                layer.gradient(gradient);
                if (frozen) {
                    layer.optimizer.freeze("biases");
                } else {
                    layer.bias.clearGradient();
                }
                layer.optimizer.step();
                var withoutBias = scale(1, gradient);
                withoutBias[0][INPUTS] = 0;
                withoutBias[1][INPUTS] = 0;
                var expected = preconditioned(a, g, withoutBias, pi());
                var weight = Matrices.read(segment(layer.weight), OUTPUTS, INPUTS);
                for (int i = 0; i < OUTPUTS; i++) {
                    assertThat(weight[i])
                            .containsExactly(Arrays.copyOf(expected[i], INPUTS), within(2e-5));
                }
                if (frozen) {
                    assertThat(layer.gradient()[0][INPUTS]).isEqualTo(gradient[0][INPUTS]);
                }
            }
        }
    }

    @Test
    void theGradientOfAWeightThatIsFrozenOrHasNoneCountsAsZero() {
        for (boolean frozen : new boolean[] {false, true}) {
            try (var layer = layer(builder -> builder)) {
                layer.accumulate(inputs, gradients);
                layer.gradient(gradient);
                if (frozen) {
                    layer.optimizer.freeze("all");
                } else {
                    layer.weight.clearGradient();
                }
                layer.optimizer.step();
                var ofBias = scale(0, gradient);
                ofBias[0][INPUTS] = gradient[0][INPUTS];
                ofBias[1][INPUTS] = gradient[1][INPUTS];
                var expected = preconditioned(a, g, ofBias, pi());
                var bias = Matrices.read(segment(layer.bias), 1, OUTPUTS)[0];
                for (int i = 0; i < OUTPUTS; i++) {
                    assertThat(bias[i]).isCloseTo(expected[i][INPUTS], within(2e-5));
                }
                if (frozen) {
                    assertThat(layer.gradient()[0][0]).isEqualTo(gradient[0][0]);
                    assertThat(layer.gradient()[1][0]).isEqualTo(gradient[1][0]);
                }
            }
        }
    }

    @Test
    void whereTheResultIsNotFiniteNoLayerMoves() {
        try (var layer =
                new OneLayer(
                        builder -> builder.damping(1e-12).klClip(Double.POSITIVE_INFINITY),
                        builder -> builder.nonFinite(NonFinitePolicy.SKIP))) {
            layer.accumulate(scale(1e-6, inputs), scale(1e-6, gradients));
            layer.gradient(scale(1e38, gradient));
            layer.optimizer.step();
            assertThat(layer.gradient()).isDeepEqualTo(scale(0, gradient));
            assertThat(layer.optimizer.report().accepted()).isTrue();
        }
    }

    @Test
    void aGradientThatIsNotFiniteIsNotHidden() {
        try (var layer = layer(builder -> builder)) {
            layer.accumulate(inputs, gradients);
            gradient[1][1] = Double.NaN;
            layer.gradient(gradient);
            layer.optimizer.step();
            var actual = layer.gradient();
            assertThat(actual[1][1]).isNaN();
            assertThat(actual[0]).containsOnly(0);
        }
    }

    @Test
    void aFrozenLayerPassesThrough() {
        try (var layer = layer(builder -> builder)) {
            step(layer);
            layer.optimizer.freeze("all");
            layer.optimizer.freeze("biases");
            layer.gradient(gradient);
            layer.optimizer.step();
            assertThat(layer.gradient()).isDeepEqualTo(gradient);
        }
    }

    @Test
    void aRefusedStepLeavesGradientsAlone() {
        try (var layer =
                new OneLayer(
                        builder -> builder.damping(GAMMA),
                        builder -> builder.nonFinite(NonFinitePolicy.SKIP))) {
            step(layer);
            gradient[1][1] = Double.POSITIVE_INFINITY;
            layer.gradient(gradient);
            layer.optimizer.step();
            assertThat(layer.gradient()).isDeepEqualTo(gradient);
            assertThat(layer.optimizer.report().skipped()).isEqualTo(1);
        }
    }

    @Test
    void inversesAreRefreshedEveryPeriodAndWhenAsked() {
        try (var layer = layer(builder -> builder.inversePeriod(2))) {
            step(layer);
            var first = layer.state("kfac.input_inverse");
            layer.accumulate(random(8, INPUTS, 7), gradients);
            layer.gradient(gradient);
            layer.optimizer.step();
            assertThat(layer.state("kfac.input_inverse")).isDeepEqualTo(first);
            layer.gradient(gradient);
            layer.optimizer.step();
            var third = layer.state("kfac.input_inverse");
            assertThat(largestDifference(first, third)).isGreaterThan(1e-3);
            layer.kfac.damping(1);
            layer.kfac.refresh();
            assertThat(largestDifference(third, layer.state("kfac.input_inverse")))
                    .isGreaterThan(1e-3);
        }
    }
}
