package org.panoptim.tests.equivalence;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.panoptim.Optimizer;
import org.panoptim.parameter.Parameter;
import org.panoptim.parameter.ParameterGroup;
import org.panoptim.rule.AdaFisher;
import org.panoptim.rule.Adam;
import org.panoptim.rule.AdamW;
import org.panoptim.rule.Lion;
import org.panoptim.rule.SGD;
import org.panoptim.rule.Slot;
import org.panoptim.rule.SophiaG;
import org.panoptim.rule.SophiaH;
import org.panoptim.rule.UpdateRule;
import org.panoptim.rule.Yogi;
import org.panoptim.step.LossScale;
import org.panoptim.step.NonFinitePolicy;
import org.panoptim.tensor.DType;
import org.panoptim.testkit.scenario.RuleVariants;
import org.panoptim.testkit.scenario.Scenario;
import org.panoptim.testkit.scenario.ScenarioRun;
import org.panoptim.testkit.scenario.Values;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Stream;

/**
 * Traps 6 to 11, 17 and 19: what a step means, on every backend.
 *
 * <p>Of trap 10, the optimizers with 8-bit states are still to come; here is what holds for any.
 */
class SemanticTrapsTest {

    private static final float NAN = Float.NaN;
    private static final float INFINITY = Float.POSITIVE_INFINITY;

    /** Rules whose step depends on how many elements of a size there are, by a norm of them all. */
    private static final Set<String> OF_NORMS = Set.of("mars", "novograd", "dadapt-sgd");

    static Stream<SuiteBackend> all() {
        return SuiteBackends.all().stream();
    }

    static Stream<UpdateRule> rules() {
        return RuleVariants.ofEveryKernel();
    }

    /** Trap 6. */
    @ParameterizedTest
    @MethodSource("rules")
    void aSkippedFirstStepChangesNoByteOfParametersAndStates(UpdateRule rule) {
        for (var subject : SuiteBackends.all()) {
            try (var backend = subject.open();
                    var run = new ScenarioRun(skipping(rule), backend)) {
                var before = run.parametersAndStates();
                run.apply(step(Values.Kind.ONE_BAD, 1));
                requireSame(before, run.parametersAndStates(), subject);
                assertThat(run.report().step()).isZero();
                assertThat(run.report().skipped()).isEqualTo(1);
                assertThat(run.report().counts().values()).containsOnly(0L);
            }
        }
    }

    /** Trap 6: PyTorch's fused SGD goes wrong one step after the skipped one. */
    @ParameterizedTest
    @MethodSource("rules")
    void theStepsAroundASkippedOneAreAsIfItHadNeverBeen(UpdateRule rule) {
        for (var subject : SuiteBackends.all()) {
            try (var backend = subject.open();
                    var disturbed = new ScenarioRun(skipping(rule), backend);
                    var calm = new ScenarioRun(skipping(rule), backend)) {
                disturbed.apply(step(Values.Kind.ONE_BAD, 9));
                for (int seed = 1; seed <= 3; seed++) {
                    disturbed.apply(step(Values.Kind.ORDINARY, seed));
                    disturbed.apply(step(Values.Kind.ONE_BAD, 10 + seed));
                    calm.apply(step(Values.Kind.ORDINARY, seed));
                }
                requireSame(calm.parametersAndStates(), disturbed.parametersAndStates(), subject);
                assertThat(disturbed.report().counts()).isEqualTo(calm.report().counts());
            }
        }
    }

    /** Trap 6, and the accumulation onto NaN that would follow it. */
    @ParameterizedTest
    @MethodSource("all")
    void aSkippedStepStillZeroesTheGradientIfAskedTo(SuiteBackend subject) {
        try (var fixture = new BackendFixture(subject)) {
            var gradient = fixture.floats(1, NAN, INFINITY);
            var parameter = fixture.parameter("p", 1, 2, 3).gradient(gradient);
            var optimizer =
                    fixture.build(
                            fixture.builder(SGD.defaults())
                                    .group("all", List.of(parameter))
                                    .nonFinite(NonFinitePolicy.SKIP)
                                    .zeroGradients(true));
            optimizer.step();
            assertThat(floats(gradient)).containsExactly(0f, 0f, 0f);
            assertThat(BackendFixture.values(parameter)).containsExactly(1f, 2f, 3f);
        }
    }

    /** Trap 7. */
    @ParameterizedTest
    @MethodSource("all")
    void aParameterThatJoinsLateStartsItsBiasCorrectionFromItsOwnFirstStep(SuiteBackend subject) {
        try (var fixture = new BackendFixture(subject)) {
            var early = fixture.parameter("early", 1).gradient(fixture.floats(0.5f));
            var late = fixture.parameter("late", 1).gradient(fixture.floats(0.5f));
            var optimizer = fixture.optimizer(Adam.withLearningRate(0.1), early);
            optimizer.step();
            float afterFirst = BackendFixture.value(early);
            optimizer.step();
            optimizer.add(new ParameterGroup("more", Adam.withLearningRate(0.1), List.of(late)));
            optimizer.step();
            assertThat(BackendFixture.value(late)).isEqualTo(afterFirst);
            assertThat(optimizer.report().counts())
                    .containsEntry("early", 3L)
                    .containsEntry("late", 1L);
        }
    }

    /** Trap 7. */
    @ParameterizedTest
    @MethodSource("all")
    void aParameterWithoutAGradientKeepsItsValueItsStatesAndItsCount(SuiteBackend subject) {
        try (var fixture = new BackendFixture(subject)) {
            var stays = fixture.parameter("stays", 1).gradient(fixture.floats(0.5f));
            var moves = fixture.parameter("moves", 1).gradient(fixture.floats(0.5f));
            var optimizer =
                    fixture.optimizer(AdamW.withLearningRate(0.1).withWeightDecay(1), stays, moves);
            optimizer.step();
            float value = BackendFixture.value(stays);
            float[] average = optimizer.state("stays", "exp_avg").toArray();
            stays.clearGradient();
            optimizer.step();
            assertThat(BackendFixture.value(stays)).isEqualTo(value);
            assertThat(optimizer.state("stays", "exp_avg").toArray()).isEqualTo(average);
            assertThat(optimizer.report().counts())
                    .containsEntry("stays", 1L)
                    .containsEntry("moves", 2L);
        }
    }

    /** Trap 8. */
    @ParameterizedTest
    @MethodSource("rules")
    void anElementGetsTheSameBitsWhereverItLies(UpdateRule rule) {
        int elements = OF_NORMS.contains(rule.name()) ? 131 : 1;
        for (float special : new float[] {NAN, INFINITY, -INFINITY, 0, -0.0f, 1e-40f, 3e38f}) {
            var expected = lastOfThree(SuiteBackends.reference(), rule, special, elements)[0];
            for (var subject : SuiteBackends.all()) {
                for (float value : lastOfThree(subject, rule, special, 131)) {
                    assertThat(Float.floatToIntBits(value))
                            .as("%s: %s for %s, gradient %s", subject, value, expected, special)
                            .isEqualTo(Float.floatToIntBits(expected));
                }
            }
        }
    }

    /** A tensor of equal elements after gradients of 1, of {@code special}, and of 2. */
    private static float[] lastOfThree(
            SuiteBackend subject, UpdateRule rule, float special, int elements) {
        try (var fixture = new BackendFixture(subject)) {
            var parameter = BackendFixture.parameter("p", fixture.repeated(0.5f, elements));
            var optimizer = fixture.optimizer(rule, parameter);
            for (float gradient : new float[] {1, special, 2}) {
                parameter.gradient(fixture.repeated(gradient, elements));
                optimizer.step();
            }
            return BackendFixture.values(parameter);
        }
    }

    /** Trap 8: PyTorch gives NaN in the body and 0.001 in the tail, CUDA's max hides the NaN. */
    @ParameterizedTest
    @MethodSource("all")
    void theLargestSecondMomentDoesNotForgetANaN(SuiteBackend subject) {
        try (var fixture = new BackendFixture(subject)) {
            int elements = 37;
            var parameter = BackendFixture.parameter("p", fixture.repeated(1, elements));
            var optimizer = fixture.optimizer(Adam.defaults().withAmsgrad(true), parameter);
            for (float gradient : new float[] {1, NAN, 1}) {
                parameter.gradient(fixture.repeated(gradient, elements));
                optimizer.step();
            }
            assertThat(optimizer.state("p", "max_exp_avg_sq").toArray()).containsOnly(NAN);
            assertThat(BackendFixture.values(parameter)).containsOnly(NAN);
        }
    }

    /** Trap 9. */
    @ParameterizedTest
    @MethodSource("all")
    void theSignOfZeroIsZeroAndOfNaNIsNaN(SuiteBackend subject) {
        try (var fixture = new BackendFixture(subject)) {
            var parameter = fixture.parameter("p", 1, 1, 1, 1, 1, 1, 1);
            parameter.gradient(fixture.floats(0, -0.0f, NAN, 3, -3, Float.MIN_VALUE, -INFINITY));
            // With beta1 = 0 the direction is the gradient's sign.
            fixture.optimizer(Lion.withLearningRate(0.25).withBetas(0, 0.5), parameter).step();
            assertThat(BackendFixture.values(parameter))
                    .containsExactly(1f, 1f, NAN, 0.75f, 1.25f, 0.75f, 1.25f);
        }
    }

    /** Trap 9, in Sophia. */
    @ParameterizedTest
    @MethodSource("all")
    void sophiaStandsStillAtZeroAndLetsNaNThrough(SuiteBackend subject) {
        try (var fixture = new BackendFixture(subject)) {
            var g = fixture.parameter("g", 1, 1, 1).gradient(fixture.floats(0, NAN, -7));
            var h = fixture.parameter("h", 1, 1, 1).gradient(fixture.floats(0, NAN, -7));
            var optimizer =
                    fixture.build(
                            fixture.builder(SophiaG.withLearningRate(0.25).withWeightDecay(0))
                                    .group("g", List.of(g))
                                    .group("h", List.of(h), SophiaH.withLearningRate(0.25)));
            optimizer.step();
            assertThat(BackendFixture.values(g)).containsExactly(1f, NAN, 1.25f);
            assertThat(BackendFixture.values(h)).containsExactly(1f, NAN, 1.0025f);
        }
    }

    /** Trap 10: every use of the gradient sees it unscaled and decayed, the states' too. */
    @ParameterizedTest
    @MethodSource("rules")
    void aLossScaleOfAPowerOfTwoChangesNoBit(UpdateRule rule) {
        for (var subject : SuiteBackends.all()) {
            try (var plain = new BackendFixture(subject);
                    var scaled = new BackendFixture(subject)) {
                var expected = afterTwoSteps(plain, rule, 1);
                var actual = afterTwoSteps(scaled, rule, 1024);
                assertThat(actual).as("%s", subject).isEqualTo(expected);
            }
        }
    }

    private static List<List<? extends Number>> afterTwoSteps(
            BackendFixture fixture, UpdateRule rule, float scale) {
        var parameter = fixture.parameter("p", 0.5f, -2, 3);
        var optimizer =
                fixture.build(
                        fixture.builder(rule)
                                .group("all", List.of(parameter))
                                .clipGlobalNorm(1)
                                .lossScale(LossScale.fixed(scale)));
        for (float size : new float[] {0.25f, 3}) {
            parameter.gradient(fixture.floats(size * scale, -2 * size * scale, 0.1f * scale));
            optimizer.step();
        }
        var results = new ArrayList<List<? extends Number>>();
        results.add(boxed(BackendFixture.values(parameter)));
        for (var slot : rule.slots().stream().filter(Slot::isKept).toList()) {
            var state =
                    slot.extent().isOfParameter()
                            ? optimizer.state("p", slot.name())
                            : optimizer.ruleState("all", slot.name());
            results.add(
                    state.dtype() == DType.F32 ? boxed(state.toArray()) : List.of(state.value()));
        }
        return results;
    }

    /** Trap 10. */
    @ParameterizedTest
    @MethodSource("all")
    void aNaNInTheGradientShowsInTheStates(SuiteBackend subject) {
        try (var fixture = new BackendFixture(subject)) {
            var parameter = fixture.parameter("p", 1, 1).gradient(fixture.floats(NAN, 1));
            var optimizer = fixture.optimizer(Adam.defaults(), parameter);
            optimizer.step();
            assertThat(optimizer.state("p", "exp_avg").toArray()[0]).isNaN();
            assertThat(optimizer.state("p", "exp_avg_sq").toArray()[0]).isNaN();
            assertThat(optimizer.state("p", "exp_avg").toArray()[1]).isEqualTo(0.1f);
        }
    }

    /** Trap 11. */
    @ParameterizedTest
    @MethodSource("all")
    void decoupledWeightDecayIsAppliedOnceWhateverTheGradient(SuiteBackend subject) {
        try (var fixture = new BackendFixture(subject)) {
            var rules =
                    List.of(
                            AdamW.withLearningRate(0.5).withWeightDecay(0.25),
                            AdamW.withLearningRate(0.5).withWeightDecay(0.25).withMaximize(true),
                            Lion.withLearningRate(0.5).withWeightDecay(0.25),
                            SophiaG.withLearningRate(0.5).withWeightDecay(0.25),
                            SophiaH.withLearningRate(0.5).withWeightDecay(0.25),
                            AdaFisher.withLearningRate(0.5).withWeightDecay(0.25));
            var builder = fixture.builder(SGD.defaults());
            var parameters =
                    rules.stream()
                            .map(rule -> decaying(fixture, rule, rules.indexOf(rule), builder))
                            .toList();
            fixture.build(builder).step();
            assertThat(parameters)
                    .allSatisfy(p -> assertThat(BackendFixture.value(p)).isEqualTo(0.875f));
        }
    }

    private static Parameter decaying(
            BackendFixture fixture,
            UpdateRule rule,
            int index,
            Optimizer.Builder<UpdateRule> builder) {
        var parameter = fixture.parameter("p" + index, 1).gradient(fixture.floats(0));
        builder.group("group " + index, List.of(parameter), rule);
        return parameter;
    }

    /** Trap 11: the decay goes through Adam's normalization, so its size does not matter. */
    @ParameterizedTest
    @MethodSource("all")
    void coupledWeightDecayIsPartOfTheGradient(SuiteBackend subject) {
        try (var fixture = new BackendFixture(subject)) {
            var adam = fixture.parameter("adam", 1).gradient(fixture.floats(0));
            var sgd = fixture.parameter("sgd", 1).gradient(fixture.floats(0));
            fixture.build(
                            fixture.builder(Adam.withLearningRate(0.5).withWeightDecay(0.25))
                                    .group("adam", List.of(adam))
                                    .group(
                                            "sgd",
                                            List.of(sgd),
                                            SGD.withLearningRate(0.5).withWeightDecay(0.25)))
                    .step();
            assertThat(BackendFixture.value(adam)).isCloseTo(0.5f, within(1e-6f));
            assertThat(BackendFixture.value(sgd)).isEqualTo(0.875f);
        }
    }

    /** Trap 17. */
    @ParameterizedTest
    @MethodSource("all")
    void maximizeTurnsTheGradientAndNotTheDecay(SuiteBackend subject) {
        try (var fixture = new BackendFixture(subject)) {
            var parameter = fixture.parameter("p", 1).gradient(fixture.floats(1));
            var rule = SGD.withLearningRate(1).withWeightDecay(0.25).withMaximize(true);
            fixture.optimizer(rule, parameter).step();
            // 1 - (-1 + 0.25); with the decay turned too it would be 2.25.
            assertThat(BackendFixture.value(parameter)).isEqualTo(1.75f);
        }
    }

    /** Trap 17. */
    @ParameterizedTest
    @MethodSource("all")
    void theGradientIsUnscaledBeforeItIsClipped(SuiteBackend subject) {
        try (var fixture = new BackendFixture(subject)) {
            var parameter =
                    fixture.parameter("p", 0, 0).gradient(fixture.floats(3 * 1024, 4 * 1024));
            var optimizer =
                    fixture.build(
                            fixture.builder(SGD.withLearningRate(1))
                                    .group("all", List.of(parameter))
                                    .lossScale(LossScale.fixed(1024))
                                    .clipGlobalNorm(2.5));
            optimizer.step();
            assertThat(optimizer.report().gradientNorm()).hasValue(5);
            assertThat(optimizer.report().clipCoefficient()).isCloseTo(0.5, within(1e-6));
            assertThat(BackendFixture.values(parameter))
                    .containsExactly(new float[] {-1.5f, -2}, within(1e-5f));
        }
    }

    /** Trap 17. */
    @ParameterizedTest
    @MethodSource("all")
    void aStepThatTheLossScaleSkipsDoesNotCount(SuiteBackend subject) {
        try (var fixture = new BackendFixture(subject)) {
            var parameter = fixture.parameter("p", 1).gradient(fixture.floats(INFINITY));
            var optimizer =
                    fixture.build(
                            fixture.builder(AdamW.defaults())
                                    .group("all", List.of(parameter))
                                    .lossScale(LossScale.dynamic()));
            optimizer.step();
            assertThat(optimizer.report().step()).isZero();
            assertThat(optimizer.report().counts()).containsEntry("p", 0L);
            assertThat(optimizer.lossScale()).isEqualTo(32768);
            parameter.gradient(fixture.floats(32768));
            optimizer.step();
            assertThat(optimizer.report().counts()).containsEntry("p", 1L);
        }
    }

    /** But Yogi, whose average of gradients begins above zero. */
    static Stream<UpdateRule> symmetricRules() {
        return rules().filter(rule -> !(rule instanceof Yogi));
    }

    /** Trap 19: one-sided clipping would break the symmetry. */
    @ParameterizedTest
    @MethodSource("symmetricRules")
    void theNegatedGradientGivesTheNegatedStep(UpdateRule rule) {
        for (var subject : SuiteBackends.all()) {
            float[] up = mirrored(subject, rule, 1);
            float[] down = mirrored(subject, rule, -1);
            for (int i = 0; i < up.length; i++) {
                assertThat(down[i]).as("%s, element %s", subject, i).isEqualTo(-up[i]);
            }
        }
    }

    private static float[] mirrored(SuiteBackend subject, UpdateRule rule, float sign) {
        try (var fixture = new BackendFixture(subject)) {
            var parameter = fixture.parameter("p", sign, -2 * sign, 3 * sign);
            var optimizer =
                    fixture.build(
                            fixture.builder(rule)
                                    .group("all", List.of(parameter))
                                    .clipGlobalNorm(0.1));
            for (int step = 1; step <= 3; step++) {
                parameter.gradient(fixture.floats(100 * sign, -sign / step, 0.001f * sign));
                optimizer.step();
            }
            return BackendFixture.values(parameter);
        }
    }

    /** Trap 19. */
    @ParameterizedTest
    @MethodSource("all")
    void epsilonIsNotScaledByTheBiasCorrection(SuiteBackend subject) {
        try (var fixture = new BackendFixture(subject)) {
            var parameter = fixture.parameter("w0", 1).gradient(fixture.floats(1e-8f));
            fixture.optimizer(AdamW.withLearningRate(1e-2).withWeightDecay(0), parameter).step();
            assertThat(BackendFixture.value(parameter)).isCloseTo(0.99500f, within(1e-5f));
        }
    }

    private static Scenario skipping(UpdateRule rule) {
        var settings = Scenario.Settings.PLAIN.withPolicy(NonFinitePolicy.SKIP);
        var values = new Values(Values.Kind.ORDINARY, 5);
        var tensors =
                List.of(new Scenario.Tensor(1, 3, values), new Scenario.Tensor(67, 1, values));
        return new Scenario(
                "skipping", settings, List.of(new Scenario.Group(rule, tensors)), List.of());
    }

    private static Scenario.Step step(Values.Kind kind, long seed) {
        var values = new Values(kind, seed);
        return new Scenario.Step(
                List.of(
                        new Scenario.Gradient(
                                Scenario.Source.FRESH, 2, values, Optional.of(values))));
    }

    private static void requireSame(
            Map<String, float[]> expected, Map<String, float[]> actual, SuiteBackend subject) {
        assertThat(actual.keySet()).isEqualTo(expected.keySet());
        for (var name : expected.keySet()) {
            assertThat(
                            MemorySegment.ofArray(actual.get(name))
                                    .mismatch(MemorySegment.ofArray(expected.get(name))))
                    .as("%s, %s", subject, name)
                    .isEqualTo(-1);
        }
    }

    private static float[] floats(MemorySegment memory) {
        return memory.toArray(ValueLayout.JAVA_FLOAT);
    }

    private static List<Float> boxed(float[] values) {
        var list = new ArrayList<Float>();
        for (float value : values) {
            list.add(value);
        }
        return list;
    }
}
