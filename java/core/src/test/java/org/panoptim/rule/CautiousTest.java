package org.panoptim.rule;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;
import static org.panoptim.parameter.Tensors.fitting;
import static org.panoptim.parameter.Tensors.gradient;
import static org.panoptim.parameter.Tensors.gradientValues;
import static org.panoptim.parameter.Tensors.values;
import static org.panoptim.parameter.Tensors.vector;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.panoptim.Optimizer;
import org.panoptim.backend.Backend;
import org.panoptim.parameter.Output;
import org.panoptim.parameter.Parameter;
import org.panoptim.schedule.Schedule;
import org.panoptim.step.LossScale;
import org.panoptim.step.NonFinitePolicy;
import org.panoptim.tensor.DType;

import java.lang.foreign.Arena;
import java.lang.foreign.ValueLayout;
import java.util.List;
import java.util.stream.Stream;

/** After kyleliang919/C-Optim, Liang et al., 2024, and microsoft/dion. */
class CautiousTest {

    private static final float[] START = {0.5f, -1, 2, 0.25f, -0.75f};

    private static Optimizer.Builder<UpdateRule> builder(UpdateRule rule, Companion companion) {
        return Optimizer.builder(rule).companion(companion).backend(Backend.named("reference"));
    }

    /** Gradients whose signs turn, so that momentum and gradient disagree at times. */
    private static double gradientAt(int step, int i) {
        return Math.cos(1.7 * step + i) * (1 + i) / 3.0;
    }

    private static float[] gradientAt(int step) {
        var g = new float[START.length];
        for (int i = 0; i < g.length; i++) {
            g[i] = (float) gradientAt(step, i);
        }
        return g;
    }

    /** C-Optim's AdamW in double, with the decay before the update. */
    private static double[] adamw(double rate, double decay, boolean cautiousDecay, int steps) {
        int n = START.length;
        var p = new double[n];
        var m = new double[n];
        var v = new double[n];
        for (int i = 0; i < n; i++) {
            p[i] = START[i];
        }
        for (int step = 1; step <= steps; step++) {
            var u = new double[n];
            int agreeing = 0;
            for (int i = 0; i < n; i++) {
                double g = (float) gradientAt(step, i);
                m[i] = 0.9 * m[i] + 0.1 * g;
                v[i] = 0.999 * v[i] + 0.001 * g * g;
                double root = Math.sqrt(v[i] / (1 - Math.pow(0.999, step))) + 1e-8;
                u[i] = rate * m[i] / (1 - Math.pow(0.9, step)) / root;
                agreeing += m[i] * g > 0 ? 1 : 0;
            }
            double mean = Math.max(agreeing / (double) n, 1e-3);
            for (int i = 0; i < n; i++) {
                boolean spared = cautiousDecay && u[i] * p[i] < 0;
                double decayed = spared ? p[i] : p[i] * (1 - rate * decay);
                boolean agrees = m[i] * (float) gradientAt(step, i) > 0;
                p[i] = decayed - (agrees ? u[i] / mean : 0);
            }
        }
        return p;
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void itFollowsTheSourcesLoop(boolean cautiousDecay) {
        var p = vector("p", START);
        var rule = AdamW.withLearningRate(0.05).withWeightDecay(0.3);
        try (var optimizer =
                builder(rule, Cautious.ofUpdates().withCautiousDecay(cautiousDecay))
                        .group("all", List.of(p))
                        .lossScale(LossScale.fixed(4))
                        .build()) {
            for (int step = 1; step <= 20; step++) {
                var g = gradientAt(step);
                for (int i = 0; i < g.length; i++) {
                    g[i] *= 4;
                }
                gradient(p, g);
                optimizer.step();
            }
        }
        var expected = adamw(0.05, 0.3, cautiousDecay, 20);
        var other = adamw(0.05, 0.3, !cautiousDecay, 20);
        double difference = 0;
        for (int i = 0; i < START.length; i++) {
            assertThat((double) values(p)[i]).isCloseTo(expected[i], within(2e-6));
            difference = Math.max(difference, Math.abs(expected[i] - other[i]));
        }
        assertThat(difference).isGreaterThan(1e-3);
    }

    @Test
    void whereUpdateAndGradientDisagreeNothingMoves() {
        var p = vector("p", 1, 1, 1, 1);
        try (var optimizer =
                builder(SGD.withLearningRate(1).withMomentum(0.5), Cautious.ofUpdates())
                        .group("all", List.of(p))
                        .build()) {
            gradient(p, 4, 4, 4, 4);
            optimizer.step();
            assertThat(values(p)).containsExactly(-3, -3, -3, -3);
            // The momentum becomes 1, 3, 2 and 2.5; where it agrees it counts 4 / 3.
            gradient(p, -1, 1, 0, 0.5f);
            optimizer.step();
            assertThat(values(p)).containsExactly(-3, -9, -3, -8);
        }
    }

    @Test
    void theMeanIsOneAParameterAndAtLeastAThousandth() {
        var p = vector("p", new float[2000]);
        var g = new float[2000];
        try (var optimizer =
                builder(SGD.withLearningRate(1), Cautious.ofUpdates())
                        .group("all", List.of(p))
                        .build()) {
            g[7] = 1;
            gradient(p, g);
            optimizer.step();
            assertThat(values(p)[7]).isEqualTo(-1000);
        }
    }

    @Test
    void aRefusedStepChangesNothingAndGradientsAreZeroedWhenTheyWereUsed() {
        var p = vector("p", 1);
        try (var optimizer =
                builder(AdamW.withLearningRate(0.5).withWeightDecay(0.5), Cautious.ofUpdates())
                        .group("all", List.of(p))
                        .nonFinite(NonFinitePolicy.SKIP)
                        .zeroGradients(true)
                        .build()) {
            gradient(p, Float.NaN);
            optimizer.step();
            assertThat(values(p)).containsExactly(1);
            assertThat(gradientValues(p)).containsExactly(0);
            gradient(p, 3);
            optimizer.step();
            assertThat(values(p)[0]).isCloseTo(1 - 0.25f - 0.5f, within(1e-6f));
            assertThat(gradientValues(p)).containsExactly(0);
        }
    }

    @Test
    void outputsFollowWhatTheStepComesTo() {
        var arena = Arena.ofAuto();
        var copy = arena.allocate(2);
        var average = arena.allocateFrom(ValueLayout.JAVA_FLOAT, 0);
        var p =
                vector("p", 1)
                        .copiedTo(new Output(DType.BF16, copy))
                        .averagedIn(new Output(DType.F32, average));
        gradient(p, 2);
        try (var optimizer =
                builder(SGD.withLearningRate(1), Cautious.ofUpdates())
                        .group("all", List.of(p))
                        .averageDecay(0.5)
                        .build()) {
            optimizer.step();
            assertThat(values(p)).containsExactly(-1);
            assertThat(copy.get(ValueLayout.JAVA_SHORT, 0)).isEqualTo((short) 0xbf80);
            assertThat(average.get(ValueLayout.JAVA_FLOAT, 0)).isEqualTo(-0.5f);
        }
    }

    @Test
    void theScheduleAndAClimbingRuleAreFollowed() {
        var p = vector("p", 2);
        gradient(p, 4);
        var rule = AdamW.withLearningRate(0.5).withWeightDecay(0.5).withMaximize(true);
        try (var optimizer =
                builder(rule, Cautious.ofUpdates())
                        .group("all", List.of(p))
                        .schedule(Schedule.of(step -> 0.5))
                        .build()) {
            optimizer.step();
            assertThat(values(p)[0]).isCloseTo(2 - 0.25f + 0.25f, within(1e-6f));
            optimizer.rule("all", rule.withWeightDecay(0));
            optimizer.step();
            assertThat(values(p)[0]).isCloseTo(2.25f, within(1e-6f));
        }
    }

    @Test
    void aRuleThatParametersEnterOtherwiseIsRefused() {
        var group = List.of(vector("p", 1));
        assertThatThrownBy(
                        () ->
                                builder(LAMB.defaults(), Cautious.ofUpdates())
                                        .group("all", group)
                                        .build())
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContainingAll("cautious", "lamb", "decoupled");
        var decayed = SGD.withLearningRate(1).withWeightDecay(0.1);
        try (var optimizer =
                builder(SGD.withLearningRate(1), Cautious.ofUpdates())
                        .group("all", group)
                        .build()) {
            assertThatThrownBy(() -> optimizer.rule("all", decayed))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContainingAll("cautious", "sgd");
            assertThatThrownBy(() -> optimizer.run(Cautious.COMPLETE))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContainingAll("complete", "every step");
        }
    }

    static Stream<UpdateRule> decoupled() {
        return Rules.all().stream()
                .flatMap(
                        rule -> {
                            var names = rule.descriptor().settings().stream();
                            boolean decays =
                                    names.anyMatch(each -> each.name().equals("weight_decay"));
                            return decays
                                    ? Stream.of(with(rule, "0.25"), with(rule, "0"))
                                    : Stream.of(rule);
                        })
                .filter(rule -> rule.decoupledDecay().isPresent());
    }

    private static UpdateRule with(UpdateRule rule, String decay) {
        return Rules.with(rule, java.util.Map.of("lr", "0.125", "weight_decay", decay));
    }

    /** What {@link UpdateRule#decoupledDecay} says, of every rule that says it. */
    @ParameterizedTest
    @MethodSource
    void decoupled(UpdateRule rule) {
        var far = fitting(rule, "p", 8, -8, 8);
        var zero = fitting(rule, "p", 0, 0, 0);
        try (var ofFar = optimizer(rule, far);
                var ofZero = optimizer(rule, zero)) {
            for (int step = 1; step <= 4; step++) {
                var before = values(far);
                var start = values(zero);
                float[] g = {gradientAt(step)[0], gradientAt(step)[1], gradientAt(step)[2]};
                gradient(far, g);
                gradient(zero, g);
                if (rule.takesCurvature()) {
                    org.panoptim.parameter.Tensors.curvature(far, 1, 2, 3);
                    org.panoptim.parameter.Tensors.curvature(zero, 1, 2, 3);
                }
                ofFar.step();
                ofZero.step();
                double decay = rule.learningRate() * rule.decoupledDecay().getAsDouble();
                for (int i = 0; i < 3; i++) {
                    double update = start[i] * (1 - decay) - values(zero)[i];
                    assertThat((double) values(far)[i])
                            .as("step %d", step)
                            .isCloseTo(before[i] * (1 - decay) - update, within(4e-6));
                }
            }
        }
    }

    private static Optimizer optimizer(UpdateRule rule, Parameter parameter) {
        return Optimizer.builder(rule)
                .group("all", List.of(parameter))
                .backend(Backend.named("reference"))
                .build();
    }
}
