package org.panoptim.step;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;
import static org.panoptim.parameter.Tensors.curvature;
import static org.panoptim.parameter.Tensors.gradient;
import static org.panoptim.parameter.Tensors.values;
import static org.panoptim.parameter.Tensors.vector;

import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.panoptim.Optimizer;
import org.panoptim.Snapshot;
import org.panoptim.backend.Backend;
import org.panoptim.parameter.Parameter;
import org.panoptim.rule.AdamW;
import org.panoptim.rule.SGD;
import org.panoptim.rule.SophiaG;

import java.util.List;

class LossScaleTest {

    private static final float NAN = Float.NaN;
    private static final float INFINITY = Float.POSITIVE_INFINITY;

    private final Backend backend = Backend.named("reference");
    private final Parameter p = vector("p", 1, 2);

    @AfterEach
    void close() {
        backend.close();
    }

    private Optimizer.Builder<SGD> builder(LossScale scale) {
        return Optimizer.builder(SGD.withLearningRate(1))
                .group("all", List.of(p))
                .lossScale(scale)
                .backend(backend);
    }

    @Test
    void theSmallestAndTheLargestScaleAreTaken() {
        assertThat(LossScale.fixed(0x1p-126)).isEqualTo(new LossScale.Fixed(0x1p-126));
        assertThat(LossScale.fixed(0x1p126)).isEqualTo(new LossScale.Fixed(0x1p126));
        assertThatThrownBy(() -> LossScale.fixed(Math.nextDown(0x1p-126)))
                .isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> LossScale.fixed(Math.nextUp(0x1p126)))
                .isInstanceOf(IllegalArgumentException.class);
    }

    @Test
    void aScaleThatGrowsByNothingIsRefused() {
        assertThatThrownBy(() -> new LossScale.Dynamic(1, 1, 0.5, 1))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("growthFactor");
        assertThatThrownBy(() -> new LossScale.Dynamic(1, Double.POSITIVE_INFINITY, 0.5, 1))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("growthFactor");
    }

    @Test
    void thereIsNoneByDefault() {
        gradient(p, 1, 1);
        try (var optimizer =
                Optimizer.builder(SGD.withLearningRate(1))
                        .group("all", List.of(p))
                        .backend(backend)
                        .build()) {
            assertThat(optimizer.lossScale()).isEqualTo(1);
            optimizer.step();
            assertThat(values(p)).containsExactly(0, 1);
        }
    }

    @Test
    void aFixedScaleIsDividedOutBeforeTheRuleSeesTheGradient() {
        var twin = vector("p", 1, 2);
        try (var scaled =
                        Optimizer.builder(AdamW.withLearningRate(0.1))
                                .group("all", List.of(p))
                                .lossScale(LossScale.fixed(1024))
                                .backend(backend)
                                .build();
                var plain =
                        Optimizer.builder(AdamW.withLearningRate(0.1))
                                .group("all", List.of(twin))
                                .backend(backend)
                                .build()) {
            assertThat(scaled.lossScale()).isEqualTo(1024);
            for (int step = 1; step <= 3; step++) {
                gradient(p, 1024 * 0.3f * step, -1024 * 0.7f);
                gradient(twin, 0.3f * step, -0.7f);
                scaled.step();
                plain.step();
            }
            assertThat(Snapshot.of(scaled).trained()).isEqualTo(Snapshot.of(plain).trained());
            assertThat(scaled.lossScale()).isEqualTo(1024);
        }
    }

    @Test
    void theNormIsOfTheUnscaledGradientAndClippingFollowsIt() {
        try (var optimizer = builder(LossScale.fixed(4)).clipGlobalNorm(2.5).build()) {
            gradient(p, 12, 16); // 4·(3, 4)
            optimizer.step();
            assertThat(optimizer.report().gradientNorm()).hasValue(5);
            double coefficient = 2.5 / (5 + 1e-6);
            assertThat(optimizer.report().clipCoefficient()).isEqualTo(coefficient);
            // Unscaling and clipping are one factor, rounded once.
            float factor = (float) (0.25 * coefficient);
            assertThat(values(p)).containsExactly(1 - 12 * factor, 2 - 16 * factor);
        }
    }

    @Test
    void curvatureComesScaledToo() {
        try (var optimizer =
                Optimizer.builder(
                                SophiaG.withLearningRate(0.5)
                                        .withBetas(0.5, 0.75)
                                        .withRho(0.5)
                                        .withBatchSize(4)
                                        .withWeightDecay(0))
                        .group("all", List.of(p))
                        .lossScale(LossScale.fixed(8))
                        .clipGlobalNorm(1e-3)
                        .backend(backend)
                        .build()) {
            gradient(p, 8, 8);
            curvature(p, 16, -32);
            optimizer.step();
            // 0.25·2² and 0.25·4²: unscaled, and not clipped.
            assertThat(optimizer.state("p", "hessian").toArray()).containsExactly(1, 4);
        }
    }

    /** The scales and values of the parameter that PyTorch 2.13's GradScaler goes through. */
    @Test
    void aDynamicScaleGoesAsGradScalers() {
        assertScales(
                new LossScale.Dynamic(8, 2, 0.5, 3),
                new float[] {1, 1, 1, 1, INFINITY, 1, 1, 1, NAN, NAN, 1, 1, 1, 1},
                new double[] {8, 8, 16, 16, 8, 8, 8, 16, 8, 4, 4, 4, 8, 8},
                new float[] {-1, -2, -3, -4, -4, -5, -6, -7, -7, -7, -8, -9, -10, -11});
        assertScales(
                new LossScale.Dynamic(8, 3, 0.25, 2),
                new float[] {1, 1, 1, 1, INFINITY, 1, 1},
                new double[] {8, 24, 24, 72, 18, 18, 54},
                new float[] {-1, -2, -3, -4, -4, -5, -6});
    }

    private void assertScales(
            LossScale scale, float[] gradients, double[] scales, float[] parameters) {
        var parameter = vector("p", 0);
        try (var optimizer =
                Optimizer.builder(SGD.withLearningRate(1))
                        .group("all", List.of(parameter))
                        .lossScale(scale)
                        .backend(backend)
                        .build()) {
            for (int i = 0; i < gradients.length; i++) {
                gradient(parameter, gradients[i] * (float) optimizer.lossScale());
                optimizer.step();
                assertThat(optimizer.lossScale()).as("scale after step %d", i).isEqualTo(scales[i]);
                assertThat(values(parameter)[0])
                        .as("parameter after step %d", i)
                        .isCloseTo(parameters[i], within(1e-6f));
            }
        }
    }

    @Test
    void theDynamicDefaultsAreGradScalers() {
        assertThat(LossScale.dynamic()).isEqualTo(new LossScale.Dynamic(65536, 2, 0.5, 2000));
        assertThat(LossScale.none()).isEqualTo(LossScale.fixed(1));
    }

    @Test
    void theScaleAndItsReciprocalStayFloats() {
        try (var optimizer = builder(new LossScale.Dynamic(0x1p125, 2, 0.5, 1)).build()) {
            gradient(p, 0, 0);
            optimizer.step();
            assertThat(optimizer.lossScale()).isEqualTo(0x1p126);
            optimizer.step();
            assertThat(optimizer.lossScale()).isEqualTo(0x1p126);
            assertThat(optimizer.report().accepted()).isTrue();
        }
        try (var optimizer = builder(new LossScale.Dynamic(0x1p-125, 2, 0.5, 1)).build()) {
            gradient(p, NAN, 0);
            optimizer.step();
            assertThat(optimizer.lossScale()).isEqualTo(0x1p-126);
            optimizer.step();
            assertThat(optimizer.lossScale()).isEqualTo(0x1p-126);
            assertThat(optimizer.report().skipped()).isEqualTo(2);
        }
    }

    @Test
    void aGradientOfZeroAfterManyRefusedStepsChangesNothing() {
        try (var optimizer = builder(LossScale.dynamic()).build()) {
            gradient(p, NAN, 0);
            for (int i = 0; i < 150; i++) {
                optimizer.step();
            }
            gradient(p, 0, 0);
            optimizer.step();
            assertThat(optimizer.report().accepted()).isTrue();
            assertThat(values(p)).containsExactly(1, 2);
        }
    }

    @Test
    void aGradientThatIsInfiniteOnceUnscaledIsRefused() {
        try (var optimizer =
                builder(LossScale.fixed(0x1p-10)).nonFinite(NonFinitePolicy.SKIP).build()) {
            gradient(p, 0, 0x1p118f);
            optimizer.step();
            assertThat(optimizer.report().accepted()).isFalse();
            assertThat(optimizer.report().gradientNorm()).hasValue(Double.POSITIVE_INFINITY);
            assertThat(values(p)).containsExactly(1, 2);
            // Each is finite, if not their norm.
            gradient(p, 0x1.8p117f, 0x1.8p117f);
            optimizer.step();
            assertThat(optimizer.report().accepted()).isTrue();
        }
    }

    @Test
    void aDynamicScaleSkipsByDefault() {
        try (var optimizer = builder(LossScale.dynamic()).build()) {
            gradient(p, NAN, 1);
            optimizer.step();
            assertThat(values(p)).containsExactly(1, 2);
            assertThat(optimizer.lossScale()).isEqualTo(32768);
        }
    }

    @Test
    void aDynamicScaleFallsAlsoWhereTheStepFails() {
        try (var optimizer = builder(LossScale.dynamic()).nonFinite(NonFinitePolicy.FAIL).build()) {
            gradient(p, NAN, 1);
            assertThatThrownBy(optimizer::step).isInstanceOf(NonFiniteGradientException.class);
            assertThat(optimizer.lossScale()).isEqualTo(32768);
        }
    }

    @Test
    void aDynamicScaleThatPropagatesIsRefused() {
        var builder = builder(LossScale.dynamic()).nonFinite(NonFinitePolicy.PROPAGATE);
        assertRefused(
                builder::build,
                "a dynamic loss scale skips non-finite gradients, so the policy must be SKIP or"
                        + " FAIL, but is PROPAGATE");
    }

    @ParameterizedTest
    @ValueSource(doubles = {0, -1, Double.NaN, Double.POSITIVE_INFINITY, 0x1p-127, 0x1.0000001p126})
    void scalesWhoseReciprocalIsNoFloatAreRefused(double scale) {
        var message =
                " must be from 2^-126 to 2^126, so that it and its reciprocal are floats, but is "
                        + scale;
        assertRefused(() -> LossScale.fixed(scale), "LossScale: factor" + message);
        assertRefused(
                () -> new LossScale.Dynamic(scale, 2, 0.5, 1), "LossScale: initial" + message);
    }

    @Test
    void factorsAndIntervalsOutOfRangeAreNamed() {
        assertRefused(
                () -> new LossScale.Dynamic(1, 1, 0.5, 1),
                "LossScale: growthFactor must be finite and above 1, but is 1.0");
        assertRefused(
                () -> new LossScale.Dynamic(1, Double.NaN, 0.5, 1),
                "LossScale: growthFactor must be finite and above 1, but is NaN");
        assertRefused(
                () -> new LossScale.Dynamic(1, 2, 0, 1),
                "LossScale: backoffFactor must be in (0, 1), but is 0.0");
        assertRefused(
                () -> new LossScale.Dynamic(1, 2, 1, 1),
                "LossScale: backoffFactor must be in (0, 1), but is 1.0");
        assertRefused(
                () -> new LossScale.Dynamic(1, 2, 0.5, 0),
                "LossScale: growthInterval must be at least 1, but is 0");
    }

    private static void assertRefused(ThrowingCallable call, String message) {
        assertThatThrownBy(call).isInstanceOf(IllegalArgumentException.class).hasMessage(message);
    }
}
