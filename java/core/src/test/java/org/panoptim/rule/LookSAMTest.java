package org.panoptim.rule;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;
import static org.panoptim.parameter.Tensors.gradient;
import static org.panoptim.parameter.Tensors.values;
import static org.panoptim.parameter.Tensors.vector;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.panoptim.Optimizer;
import org.panoptim.backend.Backend;
import org.panoptim.parameter.Parameter;

import java.util.List;

/** After Liu et al., 2022, algorithm 1. */
class LookSAMTest {

    private static final double RATE = 0.01;

    private static Optimizer.Builder<SGD> builder(LookSAM look) {
        return Optimizer.builder(SGD.withLearningRate(RATE))
                .companion(look)
                .backend(Backend.named("reference"));
    }

    private static double[] gradientAt(double[] w) {
        return new double[] {4 * w[0] * w[0] * w[0] + w[1], w[0] + 2 * w[1]};
    }

    private static void backward(Parameter p) {
        var w = values(p);
        var g = gradientAt(new double[] {w[0], w[1]});
        gradient(p, (float) g[0], (float) g[1]);
    }

    private static double dot(double[] a, double[] b) {
        return a[0] * b[0] + a[1] * b[1];
    }

    private static double[] published(double[] start, LookSAM look, int steps) {
        var w = start.clone();
        var v = new double[2];
        for (int step = 1; step <= steps; step++) {
            var g = gradientAt(w);
            double norm = Math.sqrt(dot(g, g));
            double[] used;
            if ((step - 1) % look.k() == 0) {
                double scale = look.rho() / (norm + 1e-12);
                used = gradientAt(new double[] {w[0] + scale * g[0], w[1] + scale * g[1]});
                double along = dot(used, g) / dot(g, g);
                v = new double[] {used[0] - along * g[0], used[1] - along * g[1]};
            } else {
                double share = look.alpha() * norm / Math.sqrt(dot(v, v));
                used = new double[] {g[0] + share * v[0], g[1] + share * v[1]};
            }
            w[0] -= RATE * used[0];
            w[1] -= RATE * used[1];
        }
        return w;
    }

    @Test
    void itFollowsThePublishedFormula() {
        var look = LookSAM.withRho(0.2).withK(4).withAlpha(0.5);
        var p = vector("p", 0.8f, -0.4f);
        var start = new double[] {0.8f, -0.4f};
        try (var optimizer = builder(look).group("all", List.of(p)).build()) {
            for (int step = 1; step <= 14; step++) {
                backward(p);
                if (look.isDue(step)) {
                    optimizer.run(LookSAM.PERTURB);
                    backward(p);
                    optimizer.run(LookSAM.RESTORE);
                }
                optimizer.step();
            }
        }
        var expected = published(start, look, 14);
        var without = published(start, look.withAlpha(0), 14);
        for (int i = 0; i < 2; i++) {
            assertThat((double) values(p)[i]).isCloseTo(expected[i], within(2e-6));
        }
        assertThat(expected[0]).isNotCloseTo(without[0], within(1e-4));
    }

    @Test
    void itIsDueAtTheFirstStepAndEveryKth() {
        var look = LookSAM.defaults().withK(3);
        assertThat(List.of(look.isDue(1), look.isDue(2), look.isDue(3), look.isDue(4)))
                .containsExactly(true, false, false, true);
    }

    @ParameterizedTest
    @ValueSource(longs = {0, -4, Long.MIN_VALUE})
    void stepsCountFromOne(long step) {
        assertThatThrownBy(() -> LookSAM.defaults().isDue(step))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("isDue: steps count from 1, so the coming one cannot be " + step);
    }

    @Test
    void besideSamNeitherWouldHaveThePlainGradient() {
        assertThatThrownBy(
                        () ->
                                builder(LookSAM.defaults())
                                        .companion(SAM.defaults())
                                        .group("all", List.of(vector("p", 1)))
                                        .build())
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage(
                        "companions look-sam and sam cannot go with one optimizer: each lets a step"
                                + " take the gradients of where it has moved the parameters along"
                                + " their plain ones, and one would take those of the other for"
                                + " plain; leave one of them out");
    }

    @Test
    void withoutADirectionStepsTakeTheirGradients() {
        var p = vector("p", 1, 2);
        gradient(p, 100, -100);
        try (var optimizer = builder(LookSAM.withRho(1)).group("all", List.of(p)).build()) {
            optimizer.step();
            assertThat(values(p)).containsExactly(0, 3);
        }
    }

    @Test
    void aGradientThatIsNotFiniteIsForgotten() {
        var p = vector("p", 1, 2);
        try (var optimizer = builder(LookSAM.withRho(1)).group("all", List.of(p)).build()) {
            gradient(p, Float.NaN, 1);
            optimizer.run(LookSAM.PERTURB);
            assertThat(values(p)).containsExactly(1, 2);
            gradient(p, 100, 0);
            optimizer.run(LookSAM.RESTORE);
            optimizer.step();
            assertThat(values(p)).containsExactly(0, 2);
            assertThat(optimizer.state("p", "direction").toArray()).containsExactly(0, 0);
        }
    }

    @Test
    void settingsOutOfRangeAreRefused() {
        assertThatThrownBy(() -> new LookSAM(0.1, 0, 0.7))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContainingAll("k", "at least 1", "0");
    }
}
