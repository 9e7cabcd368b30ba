package org.panoptim;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.entry;
import static org.assertj.core.api.Assertions.within;
import static org.panoptim.parameter.Tensors.fitting;
import static org.panoptim.parameter.Tensors.gradient;
import static org.panoptim.parameter.Tensors.values;
import static org.panoptim.parameter.Tensors.vector;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.panoptim.backend.Backend;
import org.panoptim.parameter.Parameter;
import org.panoptim.parameter.ParameterGroup;
import org.panoptim.rule.ADOPT;
import org.panoptim.rule.AdaBound;
import org.panoptim.rule.AdamW;
import org.panoptim.rule.Cautious;
import org.panoptim.rule.Hypergradient;
import org.panoptim.rule.LAMB;
import org.panoptim.rule.LARS;
import org.panoptim.rule.LookSAM;
import org.panoptim.rule.Lookahead;
import org.panoptim.rule.Prodigy;
import org.panoptim.rule.Rules;
import org.panoptim.rule.SAM;
import org.panoptim.rule.SGD;
import org.panoptim.rule.SWATS;
import org.panoptim.rule.SophiaG;
import org.panoptim.rule.SophiaH;
import org.panoptim.rule.UpdateRule;
import org.panoptim.schedule.Schedule;
import org.panoptim.step.LossScale;
import org.panoptim.step.NonFiniteGradientException;
import org.panoptim.step.NonFinitePolicy;

import java.util.List;
import java.util.OptionalDouble;
import java.util.Random;

/** What a report says of each parameter and group. */
class StepStatisticsTest {

    private final Backend backend = Backend.named("reference");
    private final Parameter a = vector("a", 3, 4);
    private final Parameter b = vector("b", 12);
    private final Parameter c = vector("c", 1);

    @AfterEach
    void close() {
        backend.close();
    }

    private Optimizer.Builder<UpdateRule> builder(UpdateRule rule) {
        return Optimizer.builder(rule)
                .group("all", List.of(a, b))
                .statistics(true)
                .backend(backend);
    }

    private StepStatistics of(Optimizer optimizer, String parameter) {
        return optimizer.report().parameters().get(parameter);
    }

    @Test
    void normsAreThoseOfGradientNewValueAndChange() {
        try (var optimizer =
                builder(SGD.withLearningRate(0.5)).schedule(Schedule.of(_ -> 0.5)).build()) {
            gradient(a, 4, -4);
            gradient(b, -16);
            optimizer.step();
            assertThat(values(a)).containsExactly(2, 5);
            assertThat(values(b)).containsExactly(16);
            var first = of(optimizer, "a");
            assertThat(first.learningRate()).isEqualTo(0.25);
            assertThat(first.gradientNorm()).hasValue(Math.sqrt(32));
            assertThat(first.valueNorm()).hasValue(Math.sqrt(29));
            assertThat(first.updateNorm()).hasValue(Math.sqrt(2));
            assertThat(first.updateRatio()).hasValue(Math.sqrt(2) / Math.sqrt(29));
            assertThat(first.effectiveLearningRate().orElseThrow()).isCloseTo(0.25, within(1e-15));
            assertThat(first.heldShare()).hasValue(0);
            assertThat(first.numbers()).isEmpty();
            var all = optimizer.report().groups().get("all");
            assertThat(all.gradientNorm()).hasValue(Math.sqrt(32 + 256));
            assertThat(all.valueNorm()).hasValue(Math.sqrt(29 + 256));
            assertThat(all.updateNorm()).hasValue(Math.sqrt(2 + 16));
            assertThat(optimizer.report().parameters()).containsOnlyKeys("a", "b");
            assertThat(optimizer.report().groups()).containsOnlyKeys("all");
        }
    }

    @Test
    void withoutStatisticsAndBeforeTheFirstStepNothingIsKnown() {
        try (var optimizer = builder(SGD.withLearningRate(1)).statistics(false).build()) {
            gradient(a, 1, 1);
            optimizer.step();
            assertThat(optimizer.report().parameters()).isEmpty();
            assertThat(optimizer.report().groups()).isEmpty();
        }
        try (var optimizer = builder(SGD.withLearningRate(1)).build()) {
            for (var nothing :
                    List.of(of(optimizer, "a"), optimizer.report().groups().get("all"))) {
                assertThat(nothing.learningRate()).isEqualTo(1);
                assertThat(nothing.gradientNorm()).isEmpty();
                assertThat(nothing.updateNorm()).isEmpty();
                assertThat(nothing.heldShare()).isEmpty();
            }
        }
    }

    @Test
    void someStepsTakeStatisticsAndTheOthersHaveNone() {
        try (var optimizer =
                builder(SGD.withLearningRate(1))
                        .statisticsEvery(3)
                        .nonFinite(NonFinitePolicy.SKIP)
                        .build()) {
            for (int step = 1; step <= 7; step++) {
                gradient(a, 1, 1);
                if (step == 3) {
                    // Refused, and tried again.
                    gradient(b, Float.NaN);
                    optimizer.step();
                    assertThat(of(optimizer, "b").gradientNorm().orElseThrow()).isNaN();
                    gradient(b, 1);
                }
                optimizer.step();
                assertThat(optimizer.report().step()).isEqualTo(step);
                assertThat(optimizer.report().gradientNorm()).isNotEmpty();
                assertThat(optimizer.report().updateNorm().isPresent())
                        .as("step %d", step)
                        .isEqualTo(step % 3 == 0);
                assertThat(of(optimizer, "a").gradientNorm().isPresent()).isEqualTo(step % 3 == 0);
            }
        }
        assertThatThrownBy(() -> builder(SGD.defaults()).statisticsEvery(0))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("statistics are taken every so many steps, but came 0");
    }

    @Test
    void withoutAPolicyTheGradientIsMeasuredInThoseStepsAlone() {
        try (var optimizer = builder(SGD.withLearningRate(1)).statisticsEvery(2).build()) {
            gradient(a, 3, 4);
            optimizer.step();
            assertThat(optimizer.report().gradientNorm()).isEmpty();
            optimizer.step();
            assertThat(optimizer.report().gradientNorm()).hasValue(5);
        }
    }

    @Test
    void ofAParameterWithoutAGradientAndOfAFrozenOneNothingIsKnown() {
        try (var optimizer = builder(SGD.withLearningRate(1)).group("frozen", List.of(c)).build()) {
            gradient(a, 1, 1);
            gradient(c, 1);
            optimizer.freeze("frozen");
            optimizer.step();
            for (var name : List.of("b", "c")) {
                var nothing = of(optimizer, name);
                assertThat(nothing.gradientNorm()).isEmpty();
                assertThat(nothing.valueNorm()).isEmpty();
                assertThat(nothing.updateNorm()).isEmpty();
                assertThat(nothing.heldShare()).isEmpty();
                assertThat(nothing.updateRatio()).isEmpty();
                assertThat(nothing.effectiveLearningRate()).isEmpty();
            }
            var groups = optimizer.report().groups();
            assertThat(groups.get("all").updateNorm()).hasValue(Math.sqrt(2));
            assertThat(groups.get("frozen").updateNorm()).isEmpty();
        }
    }

    @Test
    void theGradientIsUnscaledAndNotClipped() {
        try (var optimizer =
                builder(SGD.withLearningRate(1))
                        .lossScale(LossScale.fixed(8))
                        .clipParameterNorm(1)
                        .build()) {
            gradient(a, 24, 32);
            optimizer.step();
            assertThat(of(optimizer, "a").gradientNorm()).hasValue(5);
            assertThat(of(optimizer, "a").updateNorm().orElseThrow()).isCloseTo(1, within(1e-6));
            assertThat(optimizer.report().gradientNorm()).hasValue(5);
        }
    }

    @Test
    void aRefusedStepSaysWhichGradientWasNotFinite() {
        try (var optimizer =
                builder(SGD.withLearningRate(1)).nonFinite(NonFinitePolicy.SKIP).build()) {
            gradient(a, 3, 4);
            gradient(b, Float.NaN);
            optimizer.step();
            assertThat(of(optimizer, "a").gradientNorm()).hasValue(5);
            assertThat(of(optimizer, "b").gradientNorm().orElseThrow()).isNaN();
            assertThat(of(optimizer, "a").updateNorm()).isEmpty();
            assertThat(of(optimizer, "a").valueNorm()).isEmpty();
            assertThat(of(optimizer, "a").heldShare()).isEmpty();
        }
    }

    @Test
    void aReportStaysThatOfItsStepWhateverIsChangedAfterIt() {
        try (var optimizer = builder(SGD.withLearningRate(0.5)).build()) {
            gradient(a, 1, 1);
            optimizer.step();
            var report = optimizer.report();
            optimizer.learningRate("all", 3);
            assertThat(optimizer.report()).isEqualTo(report);
            optimizer.rule("all", SGD.withLearningRate(4));
            assertThat(optimizer.report()).isEqualTo(report);
            optimizer.freeze("all");
            assertThat(optimizer.report()).isEqualTo(report);
            optimizer.unfreeze("all");
            optimizer.step();
            assertThat(optimizer.report().learningRates()).containsEntry("all", 4.0);
            assertThat(of(optimizer, "a").learningRate()).isEqualTo(4);
        }
    }

    @Test
    void aRefusedAttemptIsOfItsOwnPlanToo() {
        try (var optimizer =
                builder(SGD.withLearningRate(0.5)).nonFinite(NonFinitePolicy.FAIL).build()) {
            gradient(a, 1, 1);
            optimizer.step();
            optimizer.learningRate("all", 3);
            gradient(a, 1, Float.NaN);
            assertThatThrownBy(optimizer::step).isInstanceOf(NonFiniteGradientException.class);
            optimizer.learningRate("all", 5);
            assertThat(of(optimizer, "a").learningRate()).isEqualTo(3);
            assertThat(of(optimizer, "a").gradientNorm().orElseThrow()).isNaN();
            assertThat(optimizer.report().updateNorm()).isEmpty();
        }
    }

    @Test
    void aNumberOfOneStepIsToldOfWhatTookPartInItAlone() {
        try (var optimizer =
                builder(LAMB.withLearningRate(0.1)).nonFinite(NonFinitePolicy.SKIP).build()) {
            assertThat(of(optimizer, "a").numbers())
                    .containsExactly(entry("trust_ratio", OptionalDouble.empty()));
            gradient(a, 1, 1);
            gradient(b, 1);
            optimizer.step();
            assertThat(of(optimizer, "b").numbers().get("trust_ratio")).isNotEmpty();
            b.clearGradient();
            optimizer.step();
            assertThat(of(optimizer, "a").numbers().get("trust_ratio")).isNotEmpty();
            assertThat(of(optimizer, "b").numbers())
                    .containsExactly(entry("trust_ratio", OptionalDouble.empty()));
            gradient(a, 1, Float.NaN);
            optimizer.step();
            assertThat(of(optimizer, "a").numbers())
                    .containsExactly(entry("trust_ratio", OptionalDouble.empty()));
        }
    }

    @Test
    void whatOnlyTheRuleKnowsWhatToMakeOfIsNotTold() {
        for (var rule : Rules.all()) {
            var fitting = fitting(rule, "a", 3, 4);
            try (var optimizer =
                    Optimizer.builder(rule)
                            .group("all", List.of(fitting, fitting(rule, "b", 12)))
                            .statistics(true)
                            .backend(backend)
                            .companion(SAM.defaults())
                            .companion(Lookahead.defaults())
                            .build()) {
                gradient(fitting, 1, 1);
                optimizer.step();
                assertThat(of(optimizer, "a").numbers().keySet())
                        .isSubsetOf("trust_ratio", "sgd_lr", "sharpness");
                assertThat(optimizer.report().groups().get("all").numbers().keySet())
                        .isSubsetOf("d");
            }
        }
    }

    @Test
    void aRatioToZeroIsNone() {
        try (var optimizer = builder(SGD.withLearningRate(1)).build()) {
            gradient(a, 3, 4);
            gradient(b, 0);
            optimizer.step();
            assertThat(of(optimizer, "a").valueNorm()).hasValue(0);
            assertThat(of(optimizer, "a").updateRatio()).isEmpty();
            assertThat(of(optimizer, "b").gradientNorm()).hasValue(0);
            assertThat(of(optimizer, "b").effectiveLearningRate()).isEmpty();
        }
    }

    @Test
    void aGroupThatIsAddedIsKnownAfterItsFirstStep() {
        try (var optimizer = builder(SGD.withLearningRate(1)).build()) {
            gradient(a, 1, 1);
            optimizer.step();
            optimizer.add(new ParameterGroup("more", SGD.withLearningRate(1), List.of(c)));
            assertThat(of(optimizer, "a").updateNorm()).hasValue(Math.sqrt(2));
            assertThat(of(optimizer, "c").updateNorm()).isEmpty();
            gradient(c, 2);
            optimizer.step();
            assertThat(of(optimizer, "c").updateNorm()).hasValue(2);
        }
    }

    @Test
    void theNormThatStatisticsTakeHasTheBitsOfTheOneThatIsMeasured() {
        var random = new Random(3);
        var values = new float[9001];
        for (int i = 0; i < values.length; i++) {
            values[i] = (float) random.nextGaussian();
        }
        var large = gradient(vector("large", values), values);
        gradient(a, 1, -2);
        try (var taken = builder(SGD.withLearningRate(0)).group("large", List.of(large)).build();
                var measured =
                        builder(SGD.withLearningRate(0))
                                .group("large", List.of(large))
                                .statistics(false)
                                .nonFinite(NonFinitePolicy.SKIP)
                                .build()) {
            taken.step();
            measured.step();
            assertThat(taken.report().gradientNorm()).isNotEmpty();
            assertThat(taken.report().gradientNorm()).isEqualTo(measured.report().gradientNorm());
        }
    }

    @Test
    void elementsWhoseGradientIsHeldByTheBoundOfValuesAreCounted() {
        try (var optimizer = builder(SGD.withLearningRate(1)).clipValue(2).build()) {
            gradient(a, 2, -3);
            gradient(b, 5);
            optimizer.step();
            assertThat(of(optimizer, "a").heldShare()).hasValue(0.5);
            assertThat(of(optimizer, "b").heldShare()).hasValue(1);
            assertThat(optimizer.report().groups().get("all").heldShare()).hasValue(2.0 / 3);
        }
    }

    @Test
    void sophiaCountsWhatItClips() {
        // Momentum 0.1 g; without curvature everything is clipped that is not 0.
        for (var rule : List.of(SophiaG.withLearningRate(0.1), SophiaH.withLearningRate(0.1))) {
            try (var optimizer = builder(rule).build()) {
                gradient(a, 1, 0);
                optimizer.step();
                assertThat(of(optimizer, "a").heldShare()).as(rule.name()).hasValue(0.5);
            }
        }
    }

    @Test
    void boundsOfOtherRulesAreCountedToo() {
        try (var optimizer = builder(AdaBound.withLearningRate(0.1)).build()) {
            // In the first step the bounds are 0 and 100 times the final rate, here 0.1: never
            // held.
            gradient(a, 1, 1);
            optimizer.step();
            assertThat(of(optimizer, "a").heldShare()).hasValue(0);
            // A tiny gradient has a rate above that.
            gradient(b, 1e-6f);
            optimizer.step();
            assertThat(of(optimizer, "b").heldShare()).hasValue(1);
        }
        try (var optimizer = builder(ADOPT.withLearningRate(0.1)).build()) {
            gradient(a, 1, 1);
            optimizer.step();
            assertThat(of(optimizer, "a").heldShare()).hasValue(0);
            gradient(a, 0.5f, 3);
            optimizer.step();
            assertThat(of(optimizer, "a").heldShare()).hasValue(0.5);
        }
    }

    @Test
    void rulesSayTheNumbersTheyKeep() {
        try (var optimizer = builder(new LAMB(0.1, 0.9, 0.999, 1e-6, 0.5, 100)).build()) {
            gradient(a, 1, 1);
            optimizer.step();
            double ratio = of(optimizer, "a").numbers().get("trust_ratio").orElseThrow();
            // The direction is (1, 1) + 0.5 (3, 4), up to epsilon.
            assertThat(ratio).isCloseTo(5 / Math.sqrt(2.5 * 2.5 + 9), within(1e-4));
            assertThat(of(optimizer, "a").updateNorm().orElseThrow()).isCloseTo(0.5, within(1e-5));
        }
        try (var optimizer =
                builder(new LARS(1, 0, 0, 0.25, 0, 0.5, false, false, false)).build()) {
            gradient(b, 4);
            optimizer.step();
            // 0.25 * 12 / (4 + 0.5 * 12)
            assertThat(of(optimizer, "b").numbers())
                    .containsExactly(entry("trust_ratio", OptionalDouble.of(0.3)));
        }
        try (var optimizer = builder(Prodigy.defaults()).build()) {
            gradient(a, 1, 1);
            optimizer.step();
            assertThat(optimizer.report().groups().get("all").numbers().get("d"))
                    .hasValue(optimizer.ruleState("all", "d").value());
        }
        try (var optimizer = builder(SWATS.withLearningRate(0.1)).build()) {
            gradient(a, 1, 1);
            optimizer.step();
            assertThat(of(optimizer, "a").numbers()).containsKeys("sgd_lr");
        }
    }

    @Test
    void companionsSayTheirs() {
        try (var optimizer =
                builder(SGD.withLearningRate(1))
                        .companion(SAM.withRho(0.5))
                        .companion(Hypergradient.withBeta(1e-3))
                        .build()) {
            gradient(a, 3, 4);
            optimizer.run(SAM.PERTURB);
            optimizer.run(SAM.RESTORE);
            optimizer.step();
            assertThat(of(optimizer, "a").numbers())
                    .containsEntry("sharpness", OptionalDouble.of(2.5));
            assertThat(optimizer.report().groups().get("all").numbers())
                    .containsEntry("rate_factor", OptionalDouble.of(1.0));
        }
        try (var optimizer =
                builder(SGD.withLearningRate(1)).companion(LookSAM.defaults()).build()) {
            gradient(a, 3, 4);
            optimizer.run(LookSAM.PERTURB);
            optimizer.run(LookSAM.RESTORE);
            optimizer.step();
            assertThat(of(optimizer, "a").numbers())
                    .containsEntry("look_sharpness", OptionalDouble.of(0.5));
        }
    }

    @Test
    void cautiousUpdatesSayHowManyElementsAgree() {
        try (var optimizer =
                builder(AdamW.withLearningRate(0.1)).companion(Cautious.ofUpdates()).build()) {
            gradient(a, 1, 1);
            optimizer.step();
            assertThat(of(optimizer, "a").numbers())
                    .containsExactly(entry("agreement", OptionalDouble.of(1.0)));
            gradient(a, 0.1f, -0.01f);
            optimizer.step();
            assertThat(of(optimizer, "a").numbers())
                    .containsExactly(entry("agreement", OptionalDouble.of(0.5)));
            assertThat(of(optimizer, "a").valueNorm()).isEmpty();
            assertThat(of(optimizer, "a").updateNorm()).isNotEmpty();
        }
    }
}
