package org.panoptim.step;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.panoptim.parameter.Tensors.curvature;
import static org.panoptim.parameter.Tensors.fitting;
import static org.panoptim.parameter.Tensors.gradient;
import static org.panoptim.parameter.Tensors.gradientValues;
import static org.panoptim.parameter.Tensors.values;
import static org.panoptim.parameter.Tensors.vector;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.panoptim.Optimizer;
import org.panoptim.Snapshot;
import org.panoptim.backend.Backend;
import org.panoptim.parameter.Parameter;
import org.panoptim.rule.AdamW;
import org.panoptim.rule.Normalized;
import org.panoptim.rule.Rules;
import org.panoptim.rule.SGD;
import org.panoptim.rule.SophiaG;
import org.panoptim.rule.UpdateRule;
import org.panoptim.schedule.Schedule;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;

/** What a step does with a gradient that holds an infinity or a NaN. */
class NonFiniteGradientTest {

    private final Backend backend = Backend.named("reference");
    private final Parameter a = vector("a", 1, 2);
    private final Parameter b = vector("b", 3, 4);

    @AfterEach
    void close() {
        backend.close();
    }

    private Optimizer.Builder<UpdateRule> builder(UpdateRule rule, NonFinitePolicy policy) {
        return builder(rule, policy, a, b);
    }

    private Optimizer.Builder<UpdateRule> builder(
            UpdateRule rule, NonFinitePolicy policy, Parameter first, Parameter second) {
        return Optimizer.builder(rule)
                .group("a", List.of(first))
                .group("b", List.of(second))
                .nonFinite(policy)
                .backend(backend);
    }

    static Stream<UpdateRule> rules() {
        return Stream.concat(
                Rules.all().stream(),
                Stream.of(
                        SGD.withLearningRate(0.1).withMomentum(0.9),
                        AdamW.withLearningRate(0.1).withAmsgrad(true).withMaximize(true),
                        new Normalized(0.1, 0.9)));
    }

    @ParameterizedTest
    @MethodSource("rules")
    void aSkippedFirstStepChangesNoByte(UpdateRule rule) {
        var good = fitting(rule, "a", 1, 2);
        var bad = fitting(rule, "b", 3, 4);
        try (var optimizer = builder(rule, NonFinitePolicy.SKIP, good, bad).build()) {
            gradient(good, 1, 1);
            gradient(bad, 1, Float.NaN);
            var before = Snapshot.of(optimizer);
            optimizer.step();
            var after = Snapshot.of(optimizer);
            assertThat(after.withoutOutcome()).isEqualTo(before.withoutOutcome());
            assertThat(after.report().step()).isZero();
            assertThat(after.report().skipped()).isEqualTo(1);
            assertThat(after.report().accepted()).isFalse();
            assertThat(after.report().gradientNorm().orElseThrow()).isNaN();
        }
    }

    @ParameterizedTest
    @MethodSource("rules")
    void theStepAfterASkippedOneIsAsIfItHadNotBeen(UpdateRule rule) {
        var pair = List.of(fitting(rule, "a", 1, 2), fitting(rule, "b", 3, 4));
        var twins = List.of(fitting(rule, "a", 1, 2), fitting(rule, "b", 3, 4));
        try (var optimizer =
                        builder(rule, NonFinitePolicy.SKIP, pair.getFirst(), pair.getLast())
                                .build();
                var twin =
                        Optimizer.builder(rule)
                                .group("a", twins.subList(0, 1))
                                .group("b", twins.subList(1, 2))
                                .backend(backend)
                                .build()) {
            gradient(pair.getFirst(), Float.POSITIVE_INFINITY, 1);
            gradient(pair.getLast(), 1, 1);
            optimizer.step();
            for (int step = 1; step <= 3; step++) {
                for (var parameter : Stream.of(pair, twins).flatMap(List::stream).toList()) {
                    gradient(parameter, step, -1);
                }
                optimizer.step();
                twin.step();
            }
            assertThat(Snapshot.of(optimizer).bytes()).isEqualTo(Snapshot.of(twin).bytes());
            assertThat(optimizer.report().counts()).isEqualTo(twin.report().counts());
            assertThat(optimizer.report().step()).isEqualTo(3);
            assertThat(optimizer.report().skipped()).isEqualTo(1);
        }
    }

    @ParameterizedTest
    @ValueSource(floats = {Float.NaN, Float.POSITIVE_INFINITY, Float.NEGATIVE_INFINITY})
    void anyNonFiniteElementAnywhereRefusesTheStep(float bad) {
        int elements = 2 * 4096 + 3;
        var large = vector("large", new float[elements]);
        try (var optimizer =
                Optimizer.builder(SGD.withLearningRate(1))
                        .group("all", List.of(a, large))
                        .nonFinite(NonFinitePolicy.SKIP)
                        .backend(backend)
                        .build()) {
            gradient(a, 1, 1);
            for (int place : new int[] {0, 127, 128, 4095, 4096, elements - 1}) {
                var values = new float[elements];
                values[place] = bad;
                gradient(large, values);
                optimizer.step();
                assertThat(optimizer.report().accepted()).as("element %d", place).isFalse();
            }
            assertThat(values(a)).containsExactly(1, 2);
        }
    }

    @Test
    void theLargestFiniteGradientsAreFinite() {
        try (var optimizer = builder(SGD.withLearningRate(0), NonFinitePolicy.SKIP).build()) {
            gradient(a, Float.MAX_VALUE, -Float.MAX_VALUE);
            gradient(b, Float.MAX_VALUE, Float.MIN_VALUE);
            optimizer.step();
            assertThat(optimizer.report().accepted()).isTrue();
            // √3 times the largest float, in double.
            assertThat(optimizer.report().gradientNorm().orElseThrow())
                    .isEqualTo(Math.sqrt(3 * ((double) Float.MAX_VALUE * Float.MAX_VALUE)));
        }
    }

    @Test
    void nonFiniteCurvatureRefusesTheStep() {
        try (var optimizer = builder(SophiaG.defaults(), NonFinitePolicy.SKIP).build()) {
            gradient(a, 1, 1);
            curvature(a, 1, Float.NaN);
            var before = Snapshot.of(optimizer);
            optimizer.step();
            assertThat(Snapshot.of(optimizer).withoutOutcome()).isEqualTo(before.withoutOutcome());
            assertThat(optimizer.report().skipped()).isEqualTo(1);
            // It was handed in for that step alone.
            optimizer.step();
            assertThat(optimizer.report().accepted()).isTrue();
        }
    }

    @ParameterizedTest
    @EnumSource(names = {"SKIP", "FAIL"})
    void anAttemptThatIsRefusedTakesCurvatureAwayLikeAnyOther(NonFinitePolicy policy) {
        try (var optimizer = builder(SophiaG.defaults(), policy).build()) {
            gradient(a, 1, Float.NaN);
            curvature(a, 2, 3);
            if (policy == NonFinitePolicy.FAIL) {
                assertThatThrownBy(optimizer::step).isInstanceOf(NonFiniteGradientException.class);
            } else {
                optimizer.step();
            }
            assertThat(a.hasCurvature()).isFalse();
            gradient(a, 1, 1);
            optimizer.step();
            assertThat(optimizer.state("a", "hessian").toArray()).containsOnly(0);
        }
    }

    @Test
    void curvatureOfAParameterWithoutAGradientIsNotLookedAt() {
        try (var optimizer = builder(SophiaG.defaults(), NonFinitePolicy.SKIP).build()) {
            gradient(a, 1, 1);
            curvature(b, 1, Float.NaN);
            optimizer.step();
            assertThat(optimizer.report().accepted()).isTrue();
            assertThat(optimizer.state("b", "hessian").toArray()).containsExactly(0, 0);
        }
    }

    @Test
    void propagateUsesItLikeAnyOther() {
        try (var optimizer = builder(SGD.withLearningRate(1), NonFinitePolicy.PROPAGATE).build()) {
            gradient(a, Float.NaN, 1);
            gradient(b, Float.POSITIVE_INFINITY, 1);
            optimizer.step();
            assertThat(values(a)).containsExactly(Float.NaN, 1);
            assertThat(values(b)).containsExactly(Float.NEGATIVE_INFINITY, 3);
            assertThat(optimizer.report().accepted()).isTrue();
            assertThat(optimizer.report().step()).isEqualTo(1);
            assertThat(optimizer.report().skipped()).isZero();
        }
    }

    @Test
    void propagateIsTheDefault() {
        gradient(a, Float.NaN, 1);
        try (var optimizer =
                Optimizer.builder(SGD.withLearningRate(1))
                        .group("a", List.of(a))
                        .backend(backend)
                        .build()) {
            optimizer.step();
            assertThat(values(a)).containsExactly(Float.NaN, 1);
        }
    }

    @Test
    void clippingPropagatesANaNToAllAsPyTorchDoes() {
        try (var optimizer =
                builder(SGD.withLearningRate(1), NonFinitePolicy.PROPAGATE)
                        .clipGlobalNorm(1)
                        .build()) {
            gradient(a, Float.NaN, 1);
            gradient(b, 1, 1);
            optimizer.step();
            assertThat(values(a)).containsExactly(Float.NaN, Float.NaN);
            assertThat(values(b)).containsExactly(Float.NaN, Float.NaN);
            assertThat(optimizer.report().clipCoefficient()).isNaN();
        }
    }

    @Test
    void clippingAnInfiniteNormLeavesZerosAndNaN() {
        // PyTorch's clip_grad_norm_ makes [1, inf] into [0, nan].
        try (var optimizer =
                builder(SGD.withLearningRate(1), NonFinitePolicy.PROPAGATE)
                        .clipGlobalNorm(1)
                        .build()) {
            gradient(a, 1, Float.POSITIVE_INFINITY);
            optimizer.step();
            assertThat(values(a)).containsExactly(1, Float.NaN);
            assertThat(optimizer.report().clipCoefficient()).isZero();
            assertThat(optimizer.report().gradientNorm()).hasValue(Double.POSITIVE_INFINITY);
        }
    }

    @Test
    void failSkipsAndThrows() {
        try (var optimizer = builder(AdamW.defaults(), NonFinitePolicy.FAIL).build()) {
            gradient(a, 1, 1);
            gradient(b, 1, 1);
            optimizer.step();
            gradient(b, Float.NaN, 1);
            var before = Snapshot.of(optimizer);
            assertThatThrownBy(optimizer::step)
                    .isInstanceOf(NonFiniteGradientException.class)
                    .hasMessage(
                            "a gradient is infinite or NaN; the attempt after step 1 was refused,"
                                    + " and parameters and states are unchanged");
            assertThat(Snapshot.of(optimizer).withoutOutcome()).isEqualTo(before.withoutOutcome());
            assertThat(optimizer.report().skipped()).isEqualTo(1);
            // The optimizer goes on.
            gradient(b, 1, 1);
            assertThatCode(optimizer::step).doesNotThrowAnyException();
            assertThat(optimizer.report().step()).isEqualTo(2);
        }
    }

    @ParameterizedTest
    @EnumSource(
            value = NonFinitePolicy.class,
            names = {"SKIP", "FAIL"})
    void aRefusedStepZeroesTheGradientsAllTheSame(NonFinitePolicy policy) {
        try (var optimizer = builder(SGD.withLearningRate(1), policy).zeroGradients(true).build()) {
            gradient(a, Float.NaN, Float.NEGATIVE_INFINITY);
            gradient(b, -1, 1);
            optimizer.freeze("b");
            try {
                optimizer.step();
            } catch (NonFiniteGradientException e) {
                assertThat(policy).isEqualTo(NonFinitePolicy.FAIL);
            }
            assertThat(gradientValues(a)).containsExactly(0, 0);
            assertThat(gradientValues(b)).containsExactly(0, 0);
            assertThat(values(a)).containsExactly(1, 2);
        }
    }

    @Test
    void aRefusedStepLeavesTheScheduleWhereItWas() {
        var asked = new ArrayList<Long>();
        var schedule =
                Schedule.of(
                        step -> {
                            asked.add(step);
                            return 1;
                        });
        try (var optimizer =
                builder(SGD.withLearningRate(1), NonFinitePolicy.SKIP).schedule(schedule).build()) {
            gradient(b, 1, 1);
            gradient(a, Float.NaN, 1);
            optimizer.step();
            optimizer.step();
            gradient(a, 1, 1);
            optimizer.step();
            optimizer.step();
            assertThat(asked).containsExactly(1L, 1L, 1L, 2L);
        }
    }
}
