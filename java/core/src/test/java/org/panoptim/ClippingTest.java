package org.panoptim;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;
import static org.panoptim.parameter.Tensors.gradient;
import static org.panoptim.parameter.Tensors.gradientValues;
import static org.panoptim.parameter.Tensors.values;
import static org.panoptim.parameter.Tensors.vector;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.panoptim.backend.Backend;
import org.panoptim.parameter.Parameter;
import org.panoptim.rule.SGD;
import org.panoptim.spi.StepPlan;
import org.panoptim.step.Clipping;
import org.panoptim.step.LossScale;
import org.panoptim.step.NonFinitePolicy;

import java.util.List;

/**
 * Clipping by global norm, after PyTorch's clip_grad_norm_: c = max / (norm + 1e-6), at most 1.
 * What PyTorch 2.13 printed differs by roundings, since it takes norm and coefficient in float.
 */
class ClippingTest {

    private final Backend backend = Backend.named("reference");
    private final Parameter a = vector("a", 0, 0);
    private final Parameter b = vector("b", 0);

    @AfterEach
    void close() {
        backend.close();
    }

    /** With a learning rate of 1 from 0, parameters become what was clipped, negated. */
    private Optimizer.Builder<SGD> builder() {
        return Optimizer.builder(SGD.withLearningRate(1))
                .group("a", List.of(a))
                .group("b", List.of(b))
                .backend(backend);
    }

    @Test
    void aLongGradientIsScaledDown() {
        try (var optimizer = builder().clipGlobalNorm(1).build()) {
            gradient(a, 3, 4);
            optimizer.step();
            assertThat(optimizer.report().gradientNorm()).hasValue(5);
            assertThat(optimizer.report().clipCoefficient()).isEqualTo(1 / (5 + 1e-6));
            float coefficient = (float) (1 / 5.000001);
            assertThat(values(a)).containsExactly(-3 * coefficient, -4 * coefficient);
            // What PyTorch 2.13 makes of it.
            assertThat(values(a))
                    .containsExactly(
                            new float[] {-0.5999999046325684f, -0.7999998331069946f},
                            within(1.2e-7f));
        }
    }

    @Test
    void theNormGoesOverAllGroups() {
        try (var optimizer = builder().clipGlobalNorm(2.5).build()) {
            gradient(a, 3, 0);
            gradient(b, 4);
            optimizer.step();
            assertThat(optimizer.report().gradientNorm()).hasValue(5);
            assertThat(values(a)[0]).isCloseTo(-1.4999996423721313f, within(4e-7f));
            assertThat(values(b)[0]).isCloseTo(-1.9999995231628418f, within(4e-7f));
        }
    }

    @Test
    void aShortGradientIsLeftAlone() {
        try (var optimizer = builder().clipGlobalNorm(1).build()) {
            gradient(a, 0.3f, 0.4f);
            optimizer.step();
            assertThat(optimizer.report().clipCoefficient()).isEqualTo(1);
            assertThat(values(a)).containsExactly(-0.3f, -0.4f);
        }
    }

    @Test
    void aGradientOfZerosIsLeftAlone() {
        try (var optimizer = builder().clipGlobalNorm(1).build()) {
            gradient(a, 0, 0);
            optimizer.step();
            assertThat(optimizer.report().gradientNorm()).hasValue(0);
            assertThat(optimizer.report().clipCoefficient()).isEqualTo(1);
            assertThat(values(a)).containsExactly(0, 0);
        }
    }

    @Test
    void aTinyBoundFeelsTheEpsilon() {
        try (var optimizer = builder().clipGlobalNorm(1e-7).build()) {
            gradient(a, 1e-7f, 2e-7f);
            optimizer.step();
            // By PyTorch 2.13; without its 1e-6 it would be 4.5e-8 and 8.9e-8.
            assertThat(values(a))
                    .containsExactly(
                            new float[] {-8.172559518015987e-09f, -1.6345119036031974e-08f},
                            within(2e-15f));
        }
    }

    @Test
    void absentAndFrozenGradientsDoNotCount() {
        var c = vector("c", 0);
        try (var optimizer = builder().group("c", List.of(c)).clipGlobalNorm(5).build()) {
            gradient(a, 3, 4);
            gradient(c, 100);
            optimizer.freeze("c");
            optimizer.step();
            assertThat(optimizer.report().gradientNorm()).hasValue(5);
        }
    }

    @Test
    void theGradientsThemselvesAreNotWritten() {
        try (var optimizer = builder().clipGlobalNorm(1).build()) {
            gradient(a, 3, 4);
            optimizer.step();
            assertThat(gradientValues(a)).containsExactly(3, 4);
        }
    }

    @Test
    void clippingComesBeforeWeightDecay() {
        var decayed = vector("d", 2);
        try (var optimizer =
                Optimizer.builder(SGD.withLearningRate(1).withWeightDecay(0.5))
                        .group("all", List.of(decayed))
                        .clipGlobalNorm(1)
                        .backend(backend)
                        .build()) {
            gradient(decayed, 4);
            optimizer.step(); // 2 − (4·c + 0.5·2) with c = 1/4.000001
            assertThat(values(decayed)[0]).isEqualTo(2 - (4 * (float) (1 / 4.000001) + 1));
        }
    }

    @Test
    void eachGroupMayHaveItsOwnNorm() {
        var c = vector("c", 0);
        try (var optimizer =
                builder().group("c", List.of(c, vector("d", 0))).clipGroupNorm(1).build()) {
            gradient(a, 3, 4);
            gradient(b, 0.5f);
            gradient(c, -2);
            optimizer.step();
            float ofA = (float) (1 / 5.000001);
            assertThat(values(a)).containsExactly(-3 * ofA, -4 * ofA);
            assertThat(values(b)).containsExactly(-0.5f);
            assertThat(values(c)).containsExactly(2 * (float) (1 / 2.000001));
            // What is reported is the norm over all, which bounds nothing.
            assertThat(optimizer.report().gradientNorm()).hasValue(Math.sqrt(25 + 0.25 + 4));
            assertThat(optimizer.report().clipCoefficient()).isEqualTo(1);
        }
    }

    @Test
    void orEachParameter() {
        var c = vector("c", 0);
        try (var optimizer =
                Optimizer.builder(SGD.withLearningRate(1))
                        .group("all", List.of(a, b, c))
                        .clipParameterNorm(1)
                        .lossScale(LossScale.fixed(2))
                        .backend(backend)
                        .build()) {
            gradient(a, 6, 8);
            gradient(b, 1);
            gradient(c, -4);
            optimizer.step();
            float scale = (float) (0.5 * (1 / 5.000001));
            assertThat(values(a)).containsExactly(-6 * scale, -8 * scale);
            assertThat(values(b)).containsExactly(-0.5f);
            assertThat(values(c)).containsExactly(4 * (float) (0.5 * (1 / 2.000001)));
        }
    }

    @Test
    void valuesAreBoundedAfterNorms() {
        try (var optimizer = builder().clipGlobalNorm(5).clipValue(1.5).build()) {
            gradient(a, 6, -8);
            gradient(b, Float.NaN);
            b.clearGradient();
            optimizer.step();
            assertThat(values(a)).containsExactly(-1.5f, 1.5f);
            gradient(a, 1, -1.25f);
            optimizer.step();
            assertThat(values(a)).containsExactly(-2.5f, 2.75f);
        }
    }

    @Test
    void boundedValuesThatAreNotNumbersStayNone() {
        try (var optimizer = builder().clipValue(1).build()) {
            gradient(a, Float.NaN, Float.NEGATIVE_INFINITY);
            optimizer.step();
            assertThat(values(a)).containsExactly(Float.NaN, 1);
        }
    }

    @Test
    void anInfiniteElementIsNotFiniteThoughItsBoundIs() {
        try (var optimizer = builder().clipValue(1).nonFinite(NonFinitePolicy.SKIP).build()) {
            gradient(a, 1, Float.POSITIVE_INFINITY);
            optimizer.step();
            assertThat(values(a)).containsExactly(0, 0);
            assertThat(optimizer.report().skipped()).isEqualTo(1);
        }
    }

    @Test
    void normsOfOneScopeAreBounded() {
        assertThatThrownBy(() -> builder().clipGlobalNorm(1).clipGroupNorm(1))
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContainingAll("clipGroupNorm", "GLOBAL");
    }

    @ParameterizedTest
    @ValueSource(doubles = {0, -1, Double.NaN, Double.POSITIVE_INFINITY, 1e-46})
    void theBoundOfValuesMustBeFiniteAndAboveZero(double value) {
        assertThatThrownBy(() -> builder().clipValue(value))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContainingAll("value", "above 0", Double.toString(value));
    }

    @ParameterizedTest
    @ValueSource(doubles = {0, -1, Double.NaN, Double.POSITIVE_INFINITY})
    void theBoundMustBeFiniteAndAboveZero(double norm) {
        assertThatThrownBy(() -> builder().clipGlobalNorm(norm))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("clipGlobalNorm: norm must be finite and above 0, but is " + norm);
    }

    @ParameterizedTest
    @ValueSource(doubles = {0, -1, Double.NaN})
    void soMustTheBoundOfAPlanButItMayBeInfinite(double norm) {
        assertThatThrownBy(() -> plan(norm))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("clipping: the largest norm must be above 0, but is " + norm);
        assertThat(plan(Double.POSITIVE_INFINITY).measures()).isFalse();
        assertThat(plan(Double.MIN_VALUE).measures()).isTrue();
    }

    private static StepPlan plan(double clipNorm) {
        return StepPlan.of(List.of()).withClipping(Clipping.globalNorm(clipNorm));
    }
}
