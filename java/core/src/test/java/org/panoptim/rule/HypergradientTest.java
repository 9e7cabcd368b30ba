package org.panoptim.rule;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;
import static org.panoptim.parameter.Tensors.gradient;
import static org.panoptim.parameter.Tensors.values;
import static org.panoptim.parameter.Tensors.vector;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.panoptim.Optimizer;
import org.panoptim.backend.Backend;
import org.panoptim.parameter.Parameter;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;

/** After Baydin et al., 2018. */
class HypergradientTest {

    @TempDir Path folder;

    private static Optimizer.Builder<UpdateRule> builder(UpdateRule rule, double beta) {
        return Optimizer.builder(rule)
                .companion(Hypergradient.withBeta(beta))
                .backend(Backend.named("reference"));
    }

    private static double factor(Optimizer optimizer, String group) {
        return optimizer.ruleState(group, "rate_factor").value();
    }

    @Test
    void theRateGoesByTheProductOfGradientAndLastUpdate() {
        var p = vector("p", 1, 2);
        try (var optimizer =
                builder(SGD.withLearningRate(0.5), 0.25).group("all", List.of(p)).build()) {
            gradient(p, 1, -1);
            optimizer.step();
            assertThat(values(p)).containsExactly(0.5f, 2.5f);
            // The rate becomes 0.5 + 0.25 (2 - 1) = 0.75.
            gradient(p, 2, 1);
            optimizer.step();
            assertThat(factor(optimizer, "all")).isEqualTo(1.5);
            assertThat(optimizer.report().learningRates()).containsEntry("all", 0.75);
            assertThat(values(p)).containsExactly(-1, 1.75f);
            // 0.75 + 0.25 (-2 * 2 + 0 * 1) = -0.25
            gradient(p, -2, 0);
            optimizer.step();
            assertThat(factor(optimizer, "all")).isEqualTo(-0.5);
            assertThat(values(p)).containsExactly(-1.5f, 1.75f);
        }
    }

    @Test
    void eachGroupHasARateOfItsOwn() {
        var p = vector("p", 1);
        var q = vector("q", 1);
        var r = vector("r", 1);
        try (var optimizer =
                builder(SGD.withLearningRate(1), 0.5)
                        .group("one", List.of(p, q))
                        .group("two", List.of(r), SGD.withLearningRate(2))
                        .build()) {
            for (int step = 0; step < 2; step++) {
                gradient(p, 1);
                gradient(q, 2);
                gradient(r, -1);
                optimizer.step();
            }
            assertThat(factor(optimizer, "one")).isEqualTo(1 + 0.5 * 5);
            assertThat(factor(optimizer, "two")).isEqualTo((2 + 0.5) / 2);
            assertThat(values(p)).containsExactly(1 - 1 - 3.5f);
            assertThat(values(r)).containsExactly(1 + 2 + 2.5f);
        }
    }

    @Test
    void adamFollowsThePublishedLoop() {
        var p = vector("p", 3, -2);
        double rate = 0.01;
        double beta = 1e-3;
        double[] w = {3, -2};
        double[] m = new double[2];
        double[] v = new double[2];
        double[] u = new double[2];
        try (var optimizer =
                builder(Adam.withLearningRate(rate), beta).group("all", List.of(p)).build()) {
            double adapted = rate;
            for (int step = 1; step <= 25; step++) {
                double[] g = {2 * w[0], 8 * w[1]};
                gradient(p, 2 * values(p)[0], 8 * values(p)[1]);
                optimizer.step();
                adapted += beta * (g[0] * u[0] + g[1] * u[1]);
                for (int i = 0; i < 2; i++) {
                    m[i] = 0.9 * m[i] + 0.1 * g[i];
                    v[i] = 0.999 * v[i] + 0.001 * g[i] * g[i];
                    double root = Math.sqrt(v[i] / (1 - Math.pow(0.999, step))) + 1e-8;
                    u[i] = m[i] / (1 - Math.pow(0.9, step)) / root;
                    w[i] -= adapted * u[i];
                }
            }
            assertThat(factor(optimizer, "all") * rate).isCloseTo(adapted, within(2e-6));
            assertThat(adapted).isGreaterThan(2 * rate);
            assertThat((double) values(p)[0]).isCloseTo(w[0], within(2e-5));
        }
    }

    @Test
    void aRateOfZeroAndProductsThatAreNotFiniteChangeNothing() {
        var p = vector("p", 1);
        try (var optimizer = builder(SGD.withLearningRate(0), 1).group("all", List.of(p)).build()) {
            gradient(p, 1);
            optimizer.step();
            gradient(p, Float.NaN);
            optimizer.step();
            assertThat(factor(optimizer, "all")).isEqualTo(1);
        }
    }

    @Test
    void itGoesOnFromACheckpointWithEqualBits() throws IOException {
        var file = folder.resolve("checkpoint");
        var p = vector("p", 3, -2);
        float[] between;
        float[] end;
        try (var optimizer =
                builder(Adam.withLearningRate(0.01), 1e-3).group("all", List.of(p)).build()) {
            steps(optimizer, p, 3);
            optimizer.save(file);
            between = values(p);
            steps(optimizer, p, 3);
            end = values(p);
        }
        var resumed = vector("p", between);
        try (var optimizer =
                builder(Adam.withLearningRate(0.01), 1e-3).group("all", List.of(resumed)).build()) {
            optimizer.load(file);
            steps(optimizer, resumed, 3);
        }
        assertThat(values(resumed)).containsExactly(end);
    }

    private static void steps(Optimizer optimizer, Parameter p, int steps) {
        for (int step = 0; step < steps; step++) {
            gradient(p, 2 * values(p)[0], 8 * values(p)[1]);
            optimizer.step();
        }
    }
}
