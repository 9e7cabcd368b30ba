package org.panoptim.tests.equivalence;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.FieldSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.panoptim.Optimizer;
import org.panoptim.parameter.Parameter;
import org.panoptim.parameter.ParameterGroup;
import org.panoptim.rule.AdamW;
import org.panoptim.rule.SGD;
import org.panoptim.rule.UpdateRule;
import org.panoptim.step.NonFinitePolicy;
import org.panoptim.tensor.DType;
import org.panoptim.tensor.Shape;
import org.panoptim.testkit.scenario.RuleVariants;
import org.panoptim.testkit.scenario.Scenario;
import org.panoptim.testkit.scenario.Values;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import java.util.stream.LongStream;
import java.util.stream.Stream;

/** Traps 2, 3 and 5: empty tensors, very many of them, and tensors that begin anywhere. */
class SizeTrapsTest {

    private static final List<long[]> LISTS_WITH_EMPTY_TENSORS =
            List.of(
                    new long[] {0},
                    new long[] {0, 0, 0},
                    new long[] {5, 0},
                    new long[] {0, 5},
                    new long[] {5, 0, 0, 3, 0},
                    new long[] {65536, 0},
                    new long[] {65536, 0, 65536, 0},
                    new long[] {0, 65537, 0});

    static Stream<SuiteBackend> all() {
        return SuiteBackends.all().stream();
    }

    static Stream<UpdateRule> rules() {
        return RuleVariants.ofEveryKernel();
    }

    /** Trap 2. */
    @ParameterizedTest
    @FieldSource("LISTS_WITH_EMPTY_TENSORS")
    void emptyTensorsInAnyPlaceLoseNoUpdate(long[] sizes) {
        ScenarioRunner.checkOnce(
                scenarioOf(AdamW.defaults(), LongStream.of(sizes).boxed().toList()));
    }

    /** Trap 2. */
    @ParameterizedTest
    @MethodSource("all")
    void theTensorsAroundAnEmptyOneAreUpdated(SuiteBackend subject) {
        try (var fixture = new BackendFixture(subject)) {
            var first = fixture.parameter("first", 1).gradient(fixture.floats(1));
            var empty = fixture.parameter("empty").gradient(fixture.floats());
            var last = fixture.parameter("last", 2).gradient(fixture.floats(1));
            var none = fixture.parameter("none").gradient(fixture.floats());
            var optimizer = fixture.optimizer(SGD.withLearningRate(0.5), first, empty, last, none);
            optimizer.step();
            assertThat(BackendFixture.values(first)).containsExactly(0.5f);
            assertThat(BackendFixture.values(last)).containsExactly(1.5f);
            assertThat(optimizer.report().counts())
                    .containsEntry("first", 1L)
                    .containsEntry("last", 1L);
        }
    }

    /** Trap 2: a gradient of nothing has a norm, which is 0. */
    @ParameterizedTest
    @MethodSource("all")
    void aStepOfNothingIsAStepWithNormsOfZero(SuiteBackend subject) {
        try (var fixture = new BackendFixture(subject)) {
            var optimizer =
                    fixture.build(
                            fixture.builder(SGD.defaults()).clipGlobalNorm(1).statistics(true));
            requireStepOfNothing(optimizer, 1);
            optimizer.add(new ParameterGroup("empty", AdamW.defaults(), List.of()));
            requireStepOfNothing(optimizer, 2);
            var frozen = fixture.parameter("p", 5).gradient(fixture.floats(3));
            optimizer.add(
                    new ParameterGroup("frozen", AdamW.defaults(), List.of(frozen))
                            .withFrozen(true));
            requireStepOfNothing(optimizer, 3);
            assertThat(BackendFixture.value(frozen)).isEqualTo(5);
        }
    }

    private static void requireStepOfNothing(Optimizer optimizer, long number) {
        optimizer.step();
        var report = optimizer.report();
        assertThat(report.step()).isEqualTo(number);
        assertThat(report.gradientNorm()).hasValue(0);
        assertThat(report.updateNorm()).hasValue(0);
        assertThat(report.clipCoefficient()).isEqualTo(1);
    }

    /** Trap 3. */
    @Test
    void twentyThousandTensorsAreAllUpdated() {
        var sizes = LongStream.range(0, 20_000).map(i -> i % 4).boxed().toList();
        ScenarioRunner.checkOnce(scenarioOf(SGD.defaults(), sizes));
    }

    /** Trap 3: a device prepares the scalars of more than 2048 tensors in a separate launch. */
    @ParameterizedTest
    @ValueSource(ints = {2048, 2049})
    void tensorsAroundTheNumberThatOneThreadBlockPreparesGetTheSameBits(int count) {
        var sizes = Collections.nCopies(count, 3L);
        ScenarioRunner.checkOnce(scenarioOf(AdamW.defaults(), sizes));
    }

    /**
     * Trap 3: a device's thread joins up to 32 chunks of 16384 elements, a warp up to 256, and a
     * thread block more.
     */
    @Test
    void sumsOfTensorsWithAnyNumberOfChunksAreTheSame() {
        var chunks = List.of(1L, 8L, 9L, 32L, 33L, 256L, 257L);
        var tensors =
                chunks.stream().map(count -> tensor((count - 1) * 16_384 + count, 0)).toList();
        ScenarioRunner.checkOnce(scenarioOf(SGD.defaults(), tensors, List.of(step(1))));
    }

    /** Trap 3. */
    @Test
    void aTensorThatIsSplitBetweenThreadsIsUpdatedOnce() {
        var sizes = List.of(100L, 300_000L, 3L, 65_535L, 65_537L);
        ScenarioRunner.checkOnce(scenarioOf(SGD.defaults().withMomentum(0.9), sizes));
    }

    /** Trap 5. */
    @ParameterizedTest
    @MethodSource("rules")
    void tensorsOfEverySmallSizeAtEveryOffsetGetTheSameBits(UpdateRule rule) {
        var tensors = new ArrayList<Scenario.Tensor>();
        for (int size = 1; size <= 40; size++) {
            tensors.add(tensor(size, size * 7 % 16));
        }
        for (int offset = 0; offset < 16; offset++) {
            tensors.add(tensor(1, offset));
            tensors.add(tensor(129 + offset, offset));
        }
        ScenarioRunner.checkOnce(scenarioOf(rule, tensors));
    }

    /** Trap 5. */
    @ParameterizedTest
    @MethodSource("all")
    void aParameterThatSharesBytesWithAnotherIsRefusedByName(SuiteBackend subject) {
        try (var fixture = new BackendFixture(subject)) {
            var memory = fixture.floats(1, 2, 3, 4);
            var left = BackendFixture.parameter("left", memory.asSlice(0, 12));
            var right = BackendFixture.parameter("right", memory.asSlice(8, 8));
            assertThatThrownBy(() -> fixture.optimizer(SGD.defaults(), left, right))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContainingAll("left", "right", "overlap");
        }
    }

    /** Trap 5. */
    @Test
    void aGradientThatSharesBytesWithItsValueIsRefusedByName() {
        try (var fixture = new BackendFixture(SuiteBackends.reference())) {
            var memory = fixture.floats(1, 2, 3, 4);
            var parameter = BackendFixture.parameter("weight", memory.asSlice(0, 8));
            assertThatThrownBy(() -> parameter.gradient(memory.asSlice(4, 8)))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContainingAll("weight", "gradient overlaps");
        }
    }

    /**
     * Trap 5: a view with gaps has more bytes than elements, so it cannot be passed off as dense.
     */
    @Test
    void memoryThatIsNotDenseIsRefusedWithTheSizesThatDiffer() {
        try (var fixture = new BackendFixture(SuiteBackends.reference())) {
            assertThatThrownBy(
                            () ->
                                    Parameter.of(
                                            "strided",
                                            Shape.of(2, 2),
                                            fixture.floats(1, 2, 3, 4, 5)))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContainingAll("strided", "16", "20");
        }
    }

    /** Trap 5. */
    @Test
    void memoryThatIsNotAlignedToAFloatIsRefused() {
        try (var fixture = new BackendFixture(SuiteBackends.reference())) {
            var memory = fixture.floats(1, 2, 3).asSlice(2, 8);
            assertThatThrownBy(() -> Parameter.of("skewed", Shape.of(2), memory))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContainingAll("skewed", "aligned to 4");
        }
    }

    /** Trap 5. */
    @Test
    void thereIsNoComplexType() {
        assertThat(DType.of("C64")).isEmpty();
    }

    private static Scenario.Tensor tensor(long size, int offset) {
        return new Scenario.Tensor(size, offset, new Values(Values.Kind.ORDINARY, size));
    }

    private static Scenario scenarioOf(UpdateRule rule, List<?> tensors) {
        var placed =
                tensors.stream()
                        .map(
                                item ->
                                        item instanceof Scenario.Tensor tensor
                                                ? tensor
                                                : tensor((Long) item, 0))
                        .toList();
        return scenarioOf(rule, placed, List.of(step(1), step(2), step(3)));
    }

    private static Scenario scenarioOf(
            UpdateRule rule, List<Scenario.Tensor> tensors, List<Scenario.Action> actions) {
        var settings =
                Scenario.Settings.PLAIN
                        .withPolicy(NonFinitePolicy.SKIP)
                        .withClipNorm(1)
                        .zeroing()
                        .measuring();
        return new Scenario("sizes", settings, List.of(new Scenario.Group(rule, tensors)), actions);
    }

    private static Scenario.Step step(long seed) {
        var values = new Values(Values.Kind.ORDINARY, seed);
        return new Scenario.Step(
                List.of(
                        new Scenario.Gradient(
                                Scenario.Source.FRESH, (int) seed, values, Optional.of(values))));
    }
}
