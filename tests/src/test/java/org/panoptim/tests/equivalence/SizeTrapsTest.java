package org.panoptim.tests.equivalence;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.FieldSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.panoptim.DType;
import org.panoptim.LossScale;
import org.panoptim.NonFinitePolicy;
import org.panoptim.Parameter;
import org.panoptim.Shape;
import org.panoptim.rule.AdamW;
import org.panoptim.rule.SGD;
import org.panoptim.rule.UpdateRule;

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

    static Stream<Contender> all() {
        return Contenders.all().stream();
    }

    static Stream<UpdateRule> rules() {
        return Kernels.rules();
    }

    /** Trap 2. */
    @ParameterizedTest
    @FieldSource("LISTS_WITH_EMPTY_TENSORS")
    void emptyTensorsInAnyPlaceLoseNoUpdate(long[] sizes) {
        var play = playOf(AdamW.defaults(), LongStream.of(sizes).boxed().toList());
        Play.compare(play, Contenders.challengers());
    }

    /** Trap 2. */
    @ParameterizedTest
    @MethodSource("all")
    void theTensorsAroundAnEmptyOneAreUpdated(Contender contender) {
        try (var rig = new Rig(contender)) {
            var first = rig.parameter("first", 1).gradient(rig.floats(1));
            var empty = rig.parameter("empty").gradient(rig.floats());
            var last = rig.parameter("last", 2).gradient(rig.floats(1));
            var none = rig.parameter("none").gradient(rig.floats());
            var optimizer = rig.optimizer(SGD.withLearningRate(0.5), first, empty, last, none);
            optimizer.step();
            assertThat(Rig.values(first)).containsExactly(0.5f);
            assertThat(Rig.values(last)).containsExactly(1.5f);
            assertThat(optimizer.report().counts())
                    .containsEntry("first", 1L)
                    .containsEntry("last", 1L);
        }
    }

    /** Trap 3. */
    @Test
    void twentyThousandTensorsAreAllUpdated() {
        var sizes = LongStream.range(0, 20_000).map(i -> i % 4).boxed().toList();
        Play.compare(playOf(SGD.defaults(), sizes), Contenders.challengers());
    }

    /** Trap 3: a device prepares the scalars of more than 2048 tensors in a launch of its own. */
    @ParameterizedTest
    @ValueSource(ints = {2048, 2049})
    void tensorsAroundTheNumberThatOneThreadBlockPreparesGetTheSameBits(int count) {
        var sizes = Collections.nCopies(count, 3L);
        Play.compare(playOf(AdamW.defaults(), sizes), Contenders.challengers());
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
        Play.compare(playOf(SGD.defaults(), tensors, List.of(step(1))), Contenders.challengers());
    }

    /** Trap 3. */
    @Test
    void aTensorThatIsSplitBetweenThreadsIsUpdatedOnce() {
        var sizes = List.of(100L, 300_000L, 3L, 65_535L, 65_537L);
        Play.compare(playOf(SGD.defaults().withMomentum(0.9), sizes), Contenders.challengers());
    }

    /** Trap 5. */
    @ParameterizedTest
    @MethodSource("rules")
    void tensorsOfEverySmallSizeAtEveryOffsetGetTheSameBits(UpdateRule rule) {
        var tensors = new ArrayList<Case.Tensor>();
        for (int size = 1; size <= 40; size++) {
            tensors.add(tensor(size, size * 7 % 16));
        }
        for (int offset = 0; offset < 16; offset++) {
            tensors.add(tensor(1, offset));
            tensors.add(tensor(129 + offset, offset));
        }
        Play.compare(playOf(rule, tensors), Contenders.challengers());
    }

    /** Trap 5. */
    @ParameterizedTest
    @MethodSource("all")
    void aParameterThatSharesBytesWithAnotherIsRefusedByName(Contender contender) {
        try (var rig = new Rig(contender)) {
            var memory = rig.floats(1, 2, 3, 4);
            var left = Rig.parameter("left", memory.asSlice(0, 12));
            var right = Rig.parameter("right", memory.asSlice(8, 8));
            assertThatThrownBy(() -> rig.optimizer(SGD.defaults(), left, right))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContainingAll("left", "right", "overlap");
        }
    }

    /** Trap 5. */
    @Test
    void aGradientThatSharesBytesWithItsValueIsRefusedByName() {
        try (var rig = new Rig(Contenders.reference())) {
            var memory = rig.floats(1, 2, 3, 4);
            var parameter = Rig.parameter("weight", memory.asSlice(0, 8));
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
        try (var rig = new Rig(Contenders.reference())) {
            assertThatThrownBy(
                            () ->
                                    Parameter.of(
                                            "strided", Shape.of(2, 2), rig.floats(1, 2, 3, 4, 5)))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContainingAll("strided", "16", "20");
        }
    }

    /** Trap 5. */
    @Test
    void memoryThatIsNotAlignedToAFloatIsRefused() {
        try (var rig = new Rig(Contenders.reference())) {
            var memory = rig.floats(1, 2, 3).asSlice(2, 8);
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

    private static Case.Tensor tensor(long size, int offset) {
        return new Case.Tensor(size, offset, new Values(Values.Kind.ORDINARY, size));
    }

    private static Case playOf(UpdateRule rule, List<?> tensors) {
        var placed =
                tensors.stream()
                        .map(
                                item ->
                                        item instanceof Case.Tensor tensor
                                                ? tensor
                                                : tensor((Long) item, 0))
                        .toList();
        return playOf(rule, placed, List.of(step(1), step(2), step(3)));
    }

    private static Case playOf(
            UpdateRule rule, List<Case.Tensor> tensors, List<Case.Action> actions) {
        var settings =
                new Case.Settings(
                        NonFinitePolicy.SKIP,
                        1,
                        LossScale.none(),
                        Case.Course.CONSTANT,
                        true,
                        true,
                        false);
        return new Case(settings, List.of(new Case.Group(rule, tensors)), actions);
    }

    private static Case.Step step(long seed) {
        var values = new Values(Values.Kind.ORDINARY, seed);
        return new Case.Step(
                List.of(
                        new Case.Gradient(
                                Case.Source.FRESH, (int) seed, values, Optional.of(values))));
    }
}
