package org.panoptim.seeded;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

import java.util.List;
import java.util.function.Function;
import java.util.stream.IntStream;

/** What is drawn stays within the requested range, and reaches its ends. */
class DrawTest {

    private static <T> List<T> drawn(Function<Draw, T> choice) {
        return IntStream.range(0, 3000)
                .mapToObj(index -> choice.apply(SeededCases.draw(5, index)))
                .toList();
    }

    @Test
    void integersFillTheirRangeAndReachBothEnds() {
        assertThat(drawn(draw -> draw.between(-3, 4))).containsOnly(-3, -2, -1, 0, 1, 2, 3, 4);
        assertThat(drawn(draw -> draw.between(7, 7))).containsOnly(7);
        assertThat(drawn(draw -> draw.between(100L, 10_000_000_000L)))
                .contains(100L, 101L, 9_999_999_999L, 10_000_000_000L)
                .allMatch(value -> value >= 100 && value <= 10_000_000_000L);
        assertThat(drawn(draw -> draw.between(1, Long.MAX_VALUE)))
                .contains(1L, Long.MAX_VALUE)
                .allMatch(value -> value >= 1);
    }

    @Test
    void integersOfAnyKindHaveEveryMagnitude() {
        assertThat(drawn(Draw::anyInt))
                .contains(Integer.MIN_VALUE, Integer.MAX_VALUE, 0, 1, -1)
                .anyMatch(value -> value > 100 && value < 1000)
                .anyMatch(value -> value < -1_000_000_000);
        assertThat(drawn(Draw::anyLong))
                .contains(Long.MIN_VALUE, Long.MAX_VALUE, 0L, 1L, -1L)
                .anyMatch(value -> value > 100 && value < 1000)
                .anyMatch(value -> value < -1_000_000_000_000_000_000L);
    }

    @Test
    void doublesKeepToTheirRangeAndReachBothEnds() {
        assertThat(drawn(draw -> draw.between(0.5, 1.0)))
                .contains(0.5, 1.0)
                .allMatch(value -> value >= 0.5 && value <= 1)
                .anyMatch(value -> value > 0.6 && value < 0.7);
    }

    @Test
    void floatsHaveZerosInfinitiesNaNsSubnormalsAndTheEndsOfTheRange() {
        assertThat(drawn(Draw::anyFloat))
                .contains(
                        0f,
                        -0f,
                        Float.NaN,
                        Float.POSITIVE_INFINITY,
                        Float.NEGATIVE_INFINITY,
                        Float.MIN_VALUE,
                        Float.MIN_NORMAL,
                        Math.nextDown(Float.MIN_NORMAL),
                        Float.MAX_VALUE,
                        -Float.MAX_VALUE);
    }

    @Test
    void weightsDecideHowOftenAnIndexIsDrawn() {
        var indices = drawn(draw -> draw.weighted(8, 0, 2));
        assertThat(indices).containsOnly(0, 2);
        assertThat(indices.stream().filter(index -> index == 0).count()).isBetween(2200L, 2600L);
    }

    @Test
    void chanceIsAProbability() {
        assertThat(drawn(draw -> draw.chance(0.3)).stream().filter(chosen -> chosen).count())
                .isBetween(800L, 1000L);
        assertThat(drawn(Draw::flag)).contains(true, false);
    }

    @Test
    void oneOfSeveralIsAnyOfThem() {
        assertThat(drawn(draw -> draw.of("a", "b", "c"))).containsOnly("a", "b", "c");
        assertThat(drawn(draw -> draw.of(List.of(1, 2)))).containsOnly(1, 2);
    }

    @Test
    void bytesAreOfEveryLengthAndValue() {
        var arrays = drawn(draw -> draw.bytes(0, 4));
        assertThat(arrays.stream().map(bytes -> bytes.length)).containsOnly(0, 1, 2, 3, 4);
        assertThat(
                        arrays.stream()
                                .flatMap(
                                        bytes ->
                                                IntStream.range(0, bytes.length)
                                                        .mapToObj(i -> bytes[i])))
                .contains((byte) 0, (byte) -1, Byte.MIN_VALUE, Byte.MAX_VALUE, (byte) 77);
    }
}
