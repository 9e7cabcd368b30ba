package org.panoptim.rule;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.panoptim.parameter.Tensors.gradient;
import static org.panoptim.parameter.Tensors.gradientValues;
import static org.panoptim.parameter.Tensors.vector;

import org.junit.jupiter.api.Test;
import org.panoptim.Optimizer;
import org.panoptim.backend.Backend;
import org.panoptim.parameter.Parameter;
import org.panoptim.step.LossScale;
import org.panoptim.tensor.Shape;

import java.lang.foreign.MemorySegment;
import java.util.List;

/** After Brock et al., 2021, and timm, agc.py. */
class AdaptiveClipTest {

    private static Optimizer optimizer(
            AdaptiveClip clip, LossScale scale, Parameter... parameters) {
        return Optimizer.builder(SGD.withLearningRate(1))
                .companion(clip)
                .group("all", List.of(parameters))
                .lossScale(scale)
                .backend(Backend.named("reference"))
                .build();
    }

    @Test
    void eachUnitIsBoundedByItsOwnNorm() {
        var p =
                Parameter.of(
                        "p",
                        Shape.of(3, 2),
                        MemorySegment.ofArray(new float[] {3, 4, 30, 40, 0, 0}));
        gradient(p, 6, 8, 6, 8, 3, 4);
        try (var optimizer = optimizer(new AdaptiveClip(0.5, 2), LossScale.none(), p)) {
            optimizer.step();
            // 10 comes down to 2.5; 10 is below 25; 5 comes down to 0.5 * 2.
            assertThat(gradientValues(p)).containsExactly(1.5f, 2, 6, 8, 3 * 0.2f, 4 * 0.2f);
        }
    }

    @Test
    void aVectorIsOneUnitAndTheLossScaleIsUndone() {
        var p = vector("p", 3, 4);
        gradient(p, 24, 32);
        try (var optimizer = optimizer(AdaptiveClip.withClip(0.5), LossScale.fixed(4), p)) {
            optimizer.step();
            assertThat(gradientValues(p)).containsExactly(6, 8);
        }
    }

    @Test
    void aTinyGradientIsHeldAgainstTheSourcesLeastNorm() {
        var p = vector("p", 0);
        gradient(p, 1e-7f);
        try (var optimizer = optimizer(new AdaptiveClip(1, 1e-8), LossScale.none(), p)) {
            optimizer.step();
            assertThat(gradientValues(p)[0]).isEqualTo(1e-7f * (float) (1e-8 / 1e-6));
        }
    }

    @Test
    void whatIsNotFiniteStays() {
        var p = vector("p", 1, 1);
        gradient(p, Float.NaN, 5);
        try (var optimizer = optimizer(AdaptiveClip.defaults(), LossScale.none(), p)) {
            optimizer.step();
            assertThat(gradientValues(p)).containsExactly(Float.NaN, 5);
        }
    }

    @Test
    void settingsOutOfRangeAreRefused() {
        assertThatThrownBy(() -> AdaptiveClip.withClip(0))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContainingAll("clip", "above 0", "0.0");
    }
}
