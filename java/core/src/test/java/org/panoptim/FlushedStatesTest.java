package org.panoptim;

import static org.assertj.core.api.Assertions.assertThat;
import static org.panoptim.parameter.Tensors.gradient;
import static org.panoptim.parameter.Tensors.values;
import static org.panoptim.parameter.Tensors.vector;

import org.junit.jupiter.api.Test;
import org.panoptim.backend.Backend;
import org.panoptim.rule.AdamW;
import org.panoptim.rule.SAM;
import org.panoptim.rule.SGD;

import java.util.List;

/** States that become too small for normal arithmetic are 0 if that is asked for. */
class FlushedStatesTest {

    private static final float SMALLEST = Float.MIN_NORMAL;

    private static float[] momentumAfter(boolean flushes, float... gradients) {
        var p = vector("p", new float[gradients.length]);
        gradient(p, gradients);
        try (var backend = Backend.named("reference");
                var optimizer =
                        Optimizer.builder(SGD.withLearningRate(1).withMomentum(0.5))
                                .group("all", List.of(p))
                                .flushStates(flushes)
                                .backend(backend)
                                .build()) {
            optimizer.step();
            return optimizer.state("p", "momentum_buffer").toArray();
        }
    }

    @Test
    void whatIsBelowTheSmallestNormalNumberIsZero() {
        float below = Math.nextDown(SMALLEST);
        assertThat(
                        momentumAfter(
                                true,
                                SMALLEST,
                                below,
                                -SMALLEST,
                                -below,
                                Float.MIN_VALUE,
                                0,
                                -0f,
                                Float.NaN,
                                Float.NEGATIVE_INFINITY,
                                1))
                .containsExactly(
                        SMALLEST, 0, -SMALLEST, 0, 0, 0, 0, Float.NaN, Float.NEGATIVE_INFINITY, 1);
        assertThat(momentumAfter(false, below, -below, Float.MIN_VALUE))
                .containsExactly(below, -below, Float.MIN_VALUE);
    }

    @Test
    void theUpdateIsThatOfTheStateBefore() {
        var p = vector("p", 0);
        float below = SMALLEST / 2;
        gradient(p, below);
        try (var backend = Backend.named("reference");
                var optimizer =
                        Optimizer.builder(SGD.withLearningRate(1).withMomentum(0.5))
                                .group("all", List.of(p))
                                .flushStates(true)
                                .backend(backend)
                                .build()) {
            optimizer.step();
        }
        assertThat(values(p)).containsExactly(-below);
    }

    @Test
    void averagesOfGradientsThatCeaseEndAtZero() {
        var p = vector("p", 1);
        gradient(p, 1);
        try (var backend = Backend.named("reference");
                var optimizer =
                        Optimizer.builder(AdamW.withLearningRate(1e-3))
                                .group("all", List.of(p))
                                .flushStates(true)
                                .backend(backend)
                                .build()) {
            optimizer.step();
            gradient(p, 0);
            for (int step = 0; step < 900; step++) {
                optimizer.step();
                float average = optimizer.state("p", "exp_avg").toArray()[0];
                assertThat(average == 0 || average >= SMALLEST).isTrue();
            }
            assertThat(optimizer.state("p", "exp_avg").toArray()).containsExactly(0);
        }
    }

    @Test
    void whatPassesKeepOfParametersIsNotTouched() {
        float below = SMALLEST / 4;
        var p = vector("p", below, 1);
        gradient(p, 1, 1);
        try (var backend = Backend.named("reference");
                var optimizer =
                        Optimizer.builder(SGD.withLearningRate(0))
                                .group("all", List.of(p))
                                .companion(SAM.withRho(1))
                                .flushStates(true)
                                .backend(backend)
                                .build()) {
            optimizer.run(SAM.PERTURB);
            optimizer.run(SAM.RESTORE);
            assertThat(values(p)).containsExactly(below, 1);
        }
    }
}
