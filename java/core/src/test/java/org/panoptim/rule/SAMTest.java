package org.panoptim.rule;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;
import static org.panoptim.parameter.Tensors.gradient;
import static org.panoptim.parameter.Tensors.values;
import static org.panoptim.parameter.Tensors.vector;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.panoptim.Optimizer;
import org.panoptim.backend.Backend;
import org.panoptim.parameter.Parameter;
import org.panoptim.step.LossScale;
import org.panoptim.step.NonFinitePolicy;

import java.util.List;

/** After Foret et al., 2021, and davda54/sam, sam.py. */
class SAMTest {

    private static final double RATE = 0.05;
    private static final double MOMENTUM = 0.9;

    private final Backend backend = Backend.named("reference");

    @AfterEach
    void close() {
        backend.close();
    }

    private Optimizer.Builder<SGD> builder(SAM sam) {
        return Optimizer.builder(SGD.withLearningRate(RATE).withMomentum(MOMENTUM))
                .companion(sam)
                .backend(backend);
    }

    /** The gradient of the sum over i of c_i (w_i - i)^2 (1 + w_0^2) at (a, b) as one vector. */
    private static double[] gradientAt(double[] w) {
        var gradient = new double[w.length];
        double rest = 0;
        for (int i = 0; i < w.length; i++) {
            rest += (i + 1) * (w[i] - i) * (w[i] - i);
        }
        double factor = 1 + w[0] * w[0];
        for (int i = 0; i < w.length; i++) {
            gradient[i] = 2 * (i + 1) * (w[i] - i) * factor;
        }
        gradient[0] += 2 * w[0] * rest;
        return gradient;
    }

    /** What the paper says of a step, in double, over SGD with momentum. */
    private static double[] published(double[] w, double rho, boolean adaptive, int steps) {
        var p = w.clone();
        var buffer = new double[p.length];
        for (int step = 0; step < steps; step++) {
            var g = gradientAt(p);
            double squares = 0;
            for (int i = 0; i < p.length; i++) {
                double term = adaptive ? Math.abs(p[i]) * g[i] : g[i];
                squares += term * term;
            }
            double scale = rho / (Math.sqrt(squares) + 1e-12);
            var perturbed = new double[p.length];
            for (int i = 0; i < p.length; i++) {
                perturbed[i] = p[i] + scale * (adaptive ? p[i] * p[i] * g[i] : g[i]);
            }
            var second = gradientAt(perturbed);
            for (int i = 0; i < p.length; i++) {
                buffer[i] = step == 0 ? second[i] : MOMENTUM * buffer[i] + second[i];
                p[i] -= RATE * 0.1 * buffer[i];
            }
        }
        return p;
    }

    private static double[] all(Parameter a, Parameter b) {
        var w = new double[3];
        w[0] = values(a)[0];
        w[1] = values(b)[0];
        w[2] = values(b)[1];
        return w;
    }

    private static void backward(Parameter a, Parameter b, double scale) {
        var g = gradientAt(all(a, b));
        gradient(a, (float) (scale * g[0]));
        gradient(b, (float) (scale * g[1]), (float) (scale * g[2]));
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void itFollowsThePublishedFormulaOverAnyRule(boolean adaptive) {
        var a = vector("a", 0.5f);
        var b = vector("b", -1, 3);
        var start = all(a, b);
        int steps = 30;
        // Two groups, since the norm is over all parameters; the loss comes scaled.
        var rule = SGD.withLearningRate(RATE * 0.1).withMomentum(MOMENTUM);
        try (var optimizer =
                builder(new SAM(0.2, adaptive))
                        .group("a", List.of(a), rule)
                        .group("b", List.of(b), rule)
                        .lossScale(LossScale.fixed(8))
                        .build()) {
            for (int step = 0; step < steps; step++) {
                backward(a, b, 8);
                optimizer.run(SAM.PERTURB);
                backward(a, b, 8);
                optimizer.run(SAM.RESTORE);
                optimizer.step();
            }
        }
        var expected = published(start, 0.2, adaptive, steps);
        var without = published(start, 0, adaptive, steps);
        var found = all(a, b);
        for (int i = 0; i < found.length; i++) {
            assertThat(found[i]).isCloseTo(expected[i], within(2e-5));
        }
        assertThat(Math.abs(expected[0] - without[0])).isGreaterThan(1e-3);
    }

    @Test
    void perturbingIsWorkedOutByHandAndRestoringIsExact() {
        var a = vector("a", 1, -0f);
        var b = vector("b", Float.MIN_VALUE);
        try (var optimizer = builder(SAM.withRho(10)).group("all", List.of(a, b)).build()) {
            gradient(a, 3, 0);
            gradient(b, 4);
            optimizer.run(SAM.PERTURB);
            assertThat(values(a)).containsExactly(7, 0);
            assertThat(values(b)).containsExactly(8);
            optimizer.run(SAM.RESTORE);
            assertThat(values(a)).containsExactly(1, -0f);
            assertThat(values(b)).containsExactly(Float.MIN_VALUE);
        }
    }

    @Test
    void theAdaptiveVariantIsWorkedOutByHand() {
        var p = vector("p", 2, -1);
        try (var optimizer = builder(new SAM(10, true)).group("all", List.of(p)).build()) {
            gradient(p, 1.5f, 4);
            // |p| g = 3 and 4, so the norm is 5; p^2 g = 6 and 4.
            optimizer.run(SAM.PERTURB);
            assertThat(values(p)).containsExactly(2 + 12, -1 + 8);
        }
    }

    @Test
    void whatHadNoGradientIsNeitherMovedNorRestored() {
        var moved = vector("moved", 1);
        var late = vector("late", 5);
        var frozen = vector("frozen", 7);
        try (var optimizer =
                builder(SAM.withRho(1))
                        .group("all", List.of(moved, late))
                        .group("frozen", List.of(frozen))
                        .build()) {
            optimizer.freeze("frozen");
            gradient(moved, 2);
            gradient(frozen, 100);
            optimizer.run(SAM.PERTURB);
            assertThat(values(moved)).containsExactly(2);
            // At the second backward pass it is the other way round.
            moved.clearGradient();
            gradient(late, 3);
            optimizer.run(SAM.RESTORE);
            assertThat(values(moved)).containsExactly(1);
            assertThat(values(late)).containsExactly(5);
            assertThat(values(frozen)).containsExactly(7);
            optimizer.step();
            assertThat(values(moved)).containsExactly(1);
            assertThat(values(late)).containsExactly(5 - (float) RATE * 3);
        }
    }

    @ParameterizedTest
    @ValueSource(floats = {Float.NaN, Float.POSITIVE_INFINITY})
    void aNormThatIsNotFinitePerturbsNothing(float bad) {
        var p = vector("p", 1, 2);
        try (var optimizer =
                builder(SAM.withRho(1))
                        .group("all", List.of(p))
                        .nonFinite(NonFinitePolicy.SKIP)
                        .build()) {
            gradient(p, bad, 1);
            optimizer.run(SAM.PERTURB);
            assertThat(values(p)).containsExactly(1, 2);
            optimizer.run(SAM.RESTORE);
            assertThat(values(p)).containsExactly(1, 2);
            optimizer.step();
            assertThat(values(p)).containsExactly(1, 2);
            assertThat(optimizer.report().skipped()).isOne();
        }
    }

    @Test
    void zerosPerturbNothing() {
        var p = vector("p", 1);
        try (var optimizer = builder(SAM.withRho(1)).group("all", List.of(p)).build()) {
            gradient(p, 0);
            optimizer.run(SAM.PERTURB);
            assertThat(values(p)).containsExactly(1);
        }
    }

    @Test
    void theDefaultsAreItsSources() {
        assertThat(SAM.defaults()).isEqualTo(new SAM(0.05, false));
        assertThat(SAM.withRho(0.5).withAdaptive(true)).isEqualTo(new SAM(0.5, true));
        assertThat(SAM.defaults().atLearningRate(3)).isEqualTo(SAM.defaults());
        assertThat(SAM.defaults().learningRate()).isZero();
        assertThat(SAM.defaults().takesMomentum()).isFalse();
        assertThat(SAM.defaults().kernelName()).isEqualTo("sam");
        assertThat(new SAM(1, true).kernelName()).isEqualTo("sam_adaptive");
        assertThat(Rules.companions()).contains(SAM.defaults());
    }

    @ParameterizedTest
    @ValueSource(doubles = {-1, Double.NaN, Double.POSITIVE_INFINITY})
    void aDistanceIsFiniteAndAtLeastZero(double rho) {
        assertThatThrownBy(() -> SAM.withRho(rho))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContainingAll("SAM", "rho");
    }
}
