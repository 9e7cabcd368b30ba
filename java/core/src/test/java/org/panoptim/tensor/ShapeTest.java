package org.panoptim.tensor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;

import java.util.ArrayList;
import java.util.List;

class ShapeTest {

    @Test
    void elementsAreTheProductOfTheDimensions() {
        assertThat(Shape.of(2, 3, 4).elements()).isEqualTo(24);
        assertThat(Shape.of(7).elements()).isEqualTo(7);
        assertThat(Shape.of(1, 1).elements()).isEqualTo(1);
    }

    @Test
    void aScalarHasOneElement() {
        assertThat(Shape.of().elements()).isEqualTo(1);
        assertThat(Shape.of()).hasToString("[]");
    }

    @Test
    void aDimensionOfZeroEmptiesTheTensor() {
        assertThat(Shape.of(0).elements()).isZero();
        assertThat(Shape.of(3, 0).elements()).isZero();
        assertThat(Shape.of(0, 1L << 40).elements()).isZero();
        assertThat(Shape.of(1L << 40, 0).elements()).isZero();
    }

    @Test
    void elementsBeyondThirtyTwoBitsAreCounted() {
        assertThat(Shape.of((1L << 31) - 1).elements()).isEqualTo(2_147_483_647L);
        assertThat(Shape.of(1 << 16, 1 << 15).elements()).isEqualTo(2_147_483_648L);
        assertThat(Shape.of((1L << 32) + 1).elements()).isEqualTo(4_294_967_297L);
        assertThat(Shape.of(1L << 20, 1L << 20).elements()).isEqualTo(1L << 40);
    }

    @Test
    void moreElementsThanSixtyThreeBitsCanHoldAreRefused() {
        // 2⁵⁹ elements of 16 bytes are 2⁶³ bytes.
        assertThat(Shape.of((1L << 59) - 1).elements()).isEqualTo((1L << 59) - 1);
        assertRefused("the shape [576460752303423488] has too many elements", 1L << 59);
        assertRefused(
                "the shape [4294967296, 4294967296] has too many elements", 1L << 32, 1L << 32);
        assertRefused("the shape [9223372036854775807] has too many elements", Long.MAX_VALUE);
    }

    @Test
    void aZeroDoesNotExcuseTheOthers() {
        // In any order, so that strides can be computed and the tensor be stored.
        assertRefused(
                "the shape [0, 4294967296, 4294967296] has too many elements",
                0,
                1L << 32,
                1L << 32);
        assertRefused(
                "the shape [4294967296, 4294967296, 0] has too many elements",
                1L << 32,
                1L << 32,
                0);
    }

    @Test
    void negativeDimensionsAreRefused() {
        assertRefused("a dimension must be at least 0, but the shape is [2, -1]", 2, -1);
        assertRefused("a dimension must be at least 0, but the shape is [0, -1]", 0, -1);
    }

    private static void assertRefused(String message, long... dimensions) {
        assertThatThrownBy(() -> Shape.of(dimensions))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage(message);
    }

    @Test
    void shapesAreValues() {
        var dimensions = new ArrayList<>(List.of(2L, 3L));
        var shape = new Shape(dimensions);
        dimensions.add(4L);
        assertThat(shape).isEqualTo(Shape.of(2, 3)).isNotEqualTo(Shape.of(3, 2));
        assertThat(shape).hasToString("[2, 3]");
    }
}
