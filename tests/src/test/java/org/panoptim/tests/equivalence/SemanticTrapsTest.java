package org.panoptim.tests.equivalence;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.panoptim.LossScale;
import org.panoptim.NonFinitePolicy;
import org.panoptim.Optimizer;
import org.panoptim.Parameter;
import org.panoptim.ParameterGroup;
import org.panoptim.rule.AdaFisher;
import org.panoptim.rule.Adam;
import org.panoptim.rule.AdamW;
import org.panoptim.rule.Lion;
import org.panoptim.rule.SGD;
import org.panoptim.rule.SophiaG;
import org.panoptim.rule.SophiaH;
import org.panoptim.rule.UpdateRule;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * Traps 6 to 11, 17 and 19: what a step means, on every backend.
 *
 * <p>Of trap 10, the optimizers with 8-bit states are still to come; here is what holds for any.
 */
class SemanticTrapsTest {

    private static final float NAN = Float.NaN;
    private static final float INFINITY = Float.POSITIVE_INFINITY;

    static Stream<Contender> all() {
        return Contenders.all().stream();
    }

    static Stream<UpdateRule> rules() {
        return Kernels.rules();
    }

    /** Trap 6. */
    @ParameterizedTest
    @MethodSource("rules")
    void aSkippedFirstStepChangesNoByteOfParametersAndStates(UpdateRule rule) {
        for (var contender : Contenders.all()) {
            try (var world = new World(contender, skipping(rule))) {
                var before = world.memory();
                world.apply(step(Values.Kind.ONE_BAD, 1));
                requireSame(before, world.memory(), contender);
                assertThat(world.report().step()).isZero();
                assertThat(world.report().skipped()).isEqualTo(1);
                assertThat(world.report().counts().values()).containsOnly(0L);
            }
        }
    }

    /** Trap 6: PyTorch's fused SGD goes wrong one step after the skipped one. */
    @ParameterizedTest
    @MethodSource("rules")
    void theStepsAroundASkippedOneAreAsIfItHadNeverBeen(UpdateRule rule) {
        for (var contender : Contenders.all()) {
            try (var disturbed = new World(contender, skipping(rule));
                    var calm = new World(contender, skipping(rule))) {
                disturbed.apply(step(Values.Kind.ONE_BAD, 9));
                for (int seed = 1; seed <= 3; seed++) {
                    disturbed.apply(step(Values.Kind.ORDINARY, seed));
                    disturbed.apply(step(Values.Kind.ONE_BAD, 10 + seed));
                    calm.apply(step(Values.Kind.ORDINARY, seed));
                }
                requireSame(calm.memory(), disturbed.memory(), contender);
                assertThat(disturbed.report().counts()).isEqualTo(calm.report().counts());
            }
        }
    }

    /** Trap 6, and the accumulation onto NaN that would follow it. */
    @ParameterizedTest
    @MethodSource("all")
    void aSkippedStepStillZeroesTheGradientIfAskedTo(Contender contender) {
        try (var rig = new Rig(contender)) {
            var gradient = rig.floats(1, NAN, INFINITY);
            var parameter = rig.parameter("p", 1, 2, 3).gradient(gradient);
            var optimizer =
                    rig.build(
                            rig.builder(SGD.defaults())
                                    .group("all", List.of(parameter))
                                    .nonFinite(NonFinitePolicy.SKIP)
                                    .zeroGradients(true));
            optimizer.step();
            assertThat(floats(gradient)).containsExactly(0f, 0f, 0f);
            assertThat(Rig.values(parameter)).containsExactly(1f, 2f, 3f);
        }
    }

    /** Trap 7. */
    @ParameterizedTest
    @MethodSource("all")
    void aParameterThatJoinsLateStartsItsBiasCorrectionFromItsOwnFirstStep(Contender contender) {
        try (var rig = new Rig(contender)) {
            var early = rig.parameter("early", 1).gradient(rig.floats(0.5f));
            var late = rig.parameter("late", 1).gradient(rig.floats(0.5f));
            var optimizer = rig.optimizer(Adam.withLearningRate(0.1), early);
            optimizer.step();
            float afterFirst = Rig.value(early);
            optimizer.step();
            optimizer.add(new ParameterGroup("more", Adam.withLearningRate(0.1), List.of(late)));
            optimizer.step();
            assertThat(Rig.value(late)).isEqualTo(afterFirst);
            assertThat(optimizer.report().counts())
                    .containsEntry("early", 3L)
                    .containsEntry("late", 1L);
        }
    }

    /** Trap 7. */
    @ParameterizedTest
    @MethodSource("all")
    void aParameterWithoutAGradientKeepsItsValueItsStatesAndItsCount(Contender contender) {
        try (var rig = new Rig(contender)) {
            var stays = rig.parameter("stays", 1).gradient(rig.floats(0.5f));
            var moves = rig.parameter("moves", 1).gradient(rig.floats(0.5f));
            var optimizer =
                    rig.optimizer(AdamW.withLearningRate(0.1).withWeightDecay(1), stays, moves);
            optimizer.step();
            float value = Rig.value(stays);
            float[] average = optimizer.state("stays", "exp_avg").toArray();
            stays.clearGradient();
            optimizer.step();
            assertThat(Rig.value(stays)).isEqualTo(value);
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
        for (float special : new float[] {NAN, INFINITY, -INFINITY, 0, -0.0f, 1e-40f, 3e38f}) {
            var expected = lastOfThree(Contenders.reference(), rule, special, 1)[0];
            for (var contender : Contenders.all()) {
                for (float value : lastOfThree(contender, rule, special, 131)) {
                    assertThat(Bits.equal(value, expected))
                            .as("%s: %s for %s, gradient %s", contender, value, expected, special)
                            .isTrue();
                }
            }
        }
    }

    /** A tensor of equal elements after gradients of 1, of {@code special}, and of 2. */
    private static float[] lastOfThree(
            Contender contender, UpdateRule rule, float special, int elements) {
        try (var rig = new Rig(contender)) {
            var parameter = Rig.parameter("p", rig.repeated(0.5f, elements));
            var optimizer = rig.optimizer(rule, parameter);
            for (float gradient : new float[] {1, special, 2}) {
                parameter.gradient(rig.repeated(gradient, elements));
                optimizer.step();
            }
            return Rig.values(parameter);
        }
    }

    /** Trap 8: PyTorch gives NaN in the body and 0.001 in the tail, CUDA's max hides the NaN. */
    @ParameterizedTest
    @MethodSource("all")
    void theLargestSecondMomentDoesNotForgetANaN(Contender contender) {
        try (var rig = new Rig(contender)) {
            int elements = 37;
            var parameter = Rig.parameter("p", rig.repeated(1, elements));
            var optimizer = rig.optimizer(Adam.defaults().withAmsgrad(true), parameter);
            for (float gradient : new float[] {1, NAN, 1}) {
                parameter.gradient(rig.repeated(gradient, elements));
                optimizer.step();
            }
            assertThat(optimizer.state("p", "max_exp_avg_sq").toArray()).containsOnly(NAN);
            assertThat(Rig.values(parameter)).containsOnly(NAN);
        }
    }

    /** Trap 9. */
    @ParameterizedTest
    @MethodSource("all")
    void theSignOfZeroIsZeroAndOfNaNIsNaN(Contender contender) {
        try (var rig = new Rig(contender)) {
            var parameter = rig.parameter("p", 1, 1, 1, 1, 1, 1, 1);
            parameter.gradient(rig.floats(0, -0.0f, NAN, 3, -3, Float.MIN_VALUE, -INFINITY));
            // With beta1 = 0 the direction is the gradient's own sign.
            rig.optimizer(Lion.withLearningRate(0.25).withBetas(0, 0.5), parameter).step();
            assertThat(Rig.values(parameter))
                    .containsExactly(1f, 1f, NAN, 0.75f, 1.25f, 0.75f, 1.25f);
        }
    }

    /** Trap 9, in Sophia. */
    @ParameterizedTest
    @MethodSource("all")
    void sophiaStandsStillAtZeroAndLetsNaNThrough(Contender contender) {
        try (var rig = new Rig(contender)) {
            var g = rig.parameter("g", 1, 1, 1).gradient(rig.floats(0, NAN, -7));
            var h = rig.parameter("h", 1, 1, 1).gradient(rig.floats(0, NAN, -7));
            var optimizer =
                    rig.build(
                            rig.builder(SophiaG.withLearningRate(0.25).withWeightDecay(0))
                                    .group("g", List.of(g))
                                    .group("h", List.of(h), SophiaH.withLearningRate(0.25)));
            optimizer.step();
            assertThat(Rig.values(g)).containsExactly(1f, NAN, 1.25f);
            assertThat(Rig.values(h)).containsExactly(1f, NAN, 1.0025f);
        }
    }

    /** Trap 10: every use of the gradient sees it unscaled and decayed, the states' too. */
    @ParameterizedTest
    @MethodSource("rules")
    void aLossScaleOfAPowerOfTwoChangesNoBit(UpdateRule rule) {
        for (var contender : Contenders.all()) {
            try (var plain = new Rig(contender);
                    var scaled = new Rig(contender)) {
                var expected = afterTwoSteps(plain, rule, 1);
                var actual = afterTwoSteps(scaled, rule, 1024);
                assertThat(actual).as("%s", contender).isEqualTo(expected);
            }
        }
    }

    private static List<List<Float>> afterTwoSteps(Rig rig, UpdateRule rule, float scale) {
        var parameter = rig.parameter("p", 0.5f, -2, 3);
        var optimizer =
                rig.build(
                        rig.builder(rule)
                                .group("all", List.of(parameter))
                                .clipGlobalNorm(1)
                                .lossScale(LossScale.fixed(scale)));
        for (float size : new float[] {0.25f, 3}) {
            parameter.gradient(rig.floats(size * scale, -2 * size * scale, 0.1f * scale));
            optimizer.step();
        }
        return Stream.concat(
                        Stream.of(Rig.values(parameter)),
                        rule.slots().stream()
                                .map(slot -> optimizer.state("p", slot.name()).toArray()))
                .map(SemanticTrapsTest::boxed)
                .toList();
    }

    /** Trap 10. */
    @ParameterizedTest
    @MethodSource("all")
    void aNaNInTheGradientShowsInTheStates(Contender contender) {
        try (var rig = new Rig(contender)) {
            var parameter = rig.parameter("p", 1, 1).gradient(rig.floats(NAN, 1));
            var optimizer = rig.optimizer(Adam.defaults(), parameter);
            optimizer.step();
            assertThat(optimizer.state("p", "exp_avg").toArray()[0]).isNaN();
            assertThat(optimizer.state("p", "exp_avg_sq").toArray()[0]).isNaN();
            assertThat(optimizer.state("p", "exp_avg").toArray()[1]).isEqualTo(0.1f);
        }
    }

    /** Trap 11. */
    @ParameterizedTest
    @MethodSource("all")
    void decoupledWeightDecayIsAppliedOnceWhateverTheGradient(Contender contender) {
        try (var rig = new Rig(contender)) {
            var rules =
                    List.of(
                            AdamW.withLearningRate(0.5).withWeightDecay(0.25),
                            AdamW.withLearningRate(0.5).withWeightDecay(0.25).withMaximize(true),
                            Lion.withLearningRate(0.5).withWeightDecay(0.25),
                            SophiaG.withLearningRate(0.5).withWeightDecay(0.25),
                            SophiaH.withLearningRate(0.5).withWeightDecay(0.25),
                            AdaFisher.withLearningRate(0.5).withWeightDecay(0.25));
            var builder = rig.builder(SGD.defaults());
            var parameters =
                    rules.stream()
                            .map(rule -> decaying(rig, rule, rules.indexOf(rule), builder))
                            .toList();
            rig.build(builder).step();
            assertThat(parameters).allSatisfy(p -> assertThat(Rig.value(p)).isEqualTo(0.875f));
        }
    }

    private static Parameter decaying(
            Rig rig, UpdateRule rule, int place, Optimizer.Builder<UpdateRule> builder) {
        var parameter = rig.parameter("p" + place, 1).gradient(rig.floats(0));
        builder.group("group " + place, List.of(parameter), rule);
        return parameter;
    }

    /** Trap 11: the decay goes through Adam's normalization, so its size does not matter. */
    @ParameterizedTest
    @MethodSource("all")
    void coupledWeightDecayIsPartOfTheGradient(Contender contender) {
        try (var rig = new Rig(contender)) {
            var adam = rig.parameter("adam", 1).gradient(rig.floats(0));
            var sgd = rig.parameter("sgd", 1).gradient(rig.floats(0));
            rig.build(
                            rig.builder(Adam.withLearningRate(0.5).withWeightDecay(0.25))
                                    .group("adam", List.of(adam))
                                    .group(
                                            "sgd",
                                            List.of(sgd),
                                            SGD.withLearningRate(0.5).withWeightDecay(0.25)))
                    .step();
            assertThat(Rig.value(adam)).isCloseTo(0.5f, within(1e-6f));
            assertThat(Rig.value(sgd)).isEqualTo(0.875f);
        }
    }

    /** Trap 17. */
    @ParameterizedTest
    @MethodSource("all")
    void maximizeTurnsTheGradientAndNotTheDecay(Contender contender) {
        try (var rig = new Rig(contender)) {
            var parameter = rig.parameter("p", 1).gradient(rig.floats(1));
            var rule = SGD.withLearningRate(1).withWeightDecay(0.25).withMaximize(true);
            rig.optimizer(rule, parameter).step();
            // 1 - (-1 + 0.25); with the decay turned too it would be 2.25.
            assertThat(Rig.value(parameter)).isEqualTo(1.75f);
        }
    }

    /** Trap 17. */
    @ParameterizedTest
    @MethodSource("all")
    void theGradientIsUnscaledBeforeItIsClipped(Contender contender) {
        try (var rig = new Rig(contender)) {
            var parameter = rig.parameter("p", 0, 0).gradient(rig.floats(3 * 1024, 4 * 1024));
            var optimizer =
                    rig.build(
                            rig.builder(SGD.withLearningRate(1))
                                    .group("all", List.of(parameter))
                                    .lossScale(LossScale.fixed(1024))
                                    .clipGlobalNorm(2.5));
            optimizer.step();
            assertThat(optimizer.report().gradientNorm()).hasValue(5);
            assertThat(optimizer.report().clipCoefficient()).isCloseTo(0.5, within(1e-6));
            assertThat(Rig.values(parameter))
                    .containsExactly(new float[] {-1.5f, -2}, within(1e-5f));
        }
    }

    /** Trap 17. */
    @ParameterizedTest
    @MethodSource("all")
    void aStepThatTheLossScaleSkipsDoesNotCount(Contender contender) {
        try (var rig = new Rig(contender)) {
            var parameter = rig.parameter("p", 1).gradient(rig.floats(INFINITY));
            var optimizer =
                    rig.build(
                            rig.builder(AdamW.defaults())
                                    .group("all", List.of(parameter))
                                    .lossScale(LossScale.dynamic()));
            optimizer.step();
            assertThat(optimizer.report().step()).isZero();
            assertThat(optimizer.report().counts()).containsEntry("p", 0L);
            assertThat(optimizer.lossScale()).isEqualTo(32768);
            parameter.gradient(rig.floats(32768));
            optimizer.step();
            assertThat(optimizer.report().counts()).containsEntry("p", 1L);
        }
    }

    /** Trap 19: one-sided clipping would break the symmetry. */
    @ParameterizedTest
    @MethodSource("rules")
    void theNegatedGradientGivesTheNegatedStep(UpdateRule rule) {
        for (var contender : Contenders.all()) {
            float[] up = mirrored(contender, rule, 1);
            float[] down = mirrored(contender, rule, -1);
            for (int i = 0; i < up.length; i++) {
                assertThat(down[i]).as("%s, element %s", contender, i).isEqualTo(-up[i]);
            }
        }
    }

    private static float[] mirrored(Contender contender, UpdateRule rule, float sign) {
        try (var rig = new Rig(contender)) {
            var parameter = rig.parameter("p", sign, -2 * sign, 3 * sign);
            var optimizer =
                    rig.build(
                            rig.builder(rule).group("all", List.of(parameter)).clipGlobalNorm(0.1));
            for (int step = 1; step <= 3; step++) {
                parameter.gradient(rig.floats(100 * sign, -sign / step, 0.001f * sign));
                optimizer.step();
            }
            return Rig.values(parameter);
        }
    }

    /** Trap 19. */
    @ParameterizedTest
    @MethodSource("all")
    void epsilonIsNotScaledByTheBiasCorrection(Contender contender) {
        try (var rig = new Rig(contender)) {
            var parameter = rig.parameter("w0", 1).gradient(rig.floats(1e-8f));
            rig.optimizer(AdamW.withLearningRate(1e-2).withWeightDecay(0), parameter).step();
            assertThat(Rig.value(parameter)).isCloseTo(0.99500f, within(1e-5f));
        }
    }

    private static Case skipping(UpdateRule rule) {
        var settings =
                new Case.Settings(
                        NonFinitePolicy.SKIP,
                        Double.POSITIVE_INFINITY,
                        LossScale.none(),
                        Case.Course.CONSTANT,
                        false,
                        false,
                        false);
        var values = new Values(Values.Kind.ORDINARY, 5);
        var tensors = List.of(new Case.Tensor(1, 3, values), new Case.Tensor(67, 1, values));
        return new Case(settings, List.of(new Case.Group(rule, tensors)), List.of());
    }

    private static Case.Step step(Values.Kind kind, long seed) {
        var values = new Values(kind, seed);
        return new Case.Step(
                List.of(new Case.Gradient(Case.Source.FRESH, 2, values, Optional.of(values))));
    }

    private static void requireSame(
            List<MemorySegment> expected, List<MemorySegment> actual, Contender contender) {
        assertThat(actual).hasSameSizeAs(expected);
        for (int i = 0; i < expected.size(); i++) {
            assertThat(expected.get(i).mismatch(actual.get(i))).as("%s", contender).isNegative();
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
