package org.panoptim.safetensors;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;
import org.panoptim.tensor.DType;

import java.util.ArrayList;
import java.util.List;

class TensorInfoTest {
    @Test
    void aShapeWithoutDimensionsHoldsOneElement() {
        var info = new TensorInfo("w", DType.F64, List.of(), 8, 16);
        assertThat(info.byteSize()).isEqualTo(8);
        assertThat(info.elementCount()).isEqualTo(1);
    }

    @Test
    void aDimensionOfZeroHoldsNothing() {
        assertThat(TensorInfo.byteSize(DType.F32, List.of(3L, 0L, 5L))).isZero();
    }

    @Test
    void theLargestSizeIsAccepted() {
        assertThat(TensorInfo.byteSize(DType.U8, List.of(Long.MAX_VALUE)))
                .isEqualTo(Long.MAX_VALUE);
    }

    @Test
    void anOverflowIsRefusedWhereverTheZeroStands() {
        long half = 1L << 32;
        for (var shape : List.of(List.of(half, half, 0L), List.of(0L, half, half))) {
            assertThatThrownBy(() -> TensorInfo.byteSize(DType.U8, shape))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("below 2^63 bytes");
        }
    }

    @Test
    void aNegativeDimensionIsRefused() {
        assertThatThrownBy(() -> new TensorInfo("w", DType.U8, List.of(-1L), 0, 0))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("tensor \"w\": expected dimensions of 0 or more, got shape [-1]");
    }

    @Test
    void offsetsThatDoNotFitAreRefused() {
        assertThatThrownBy(() -> new TensorInfo("w", DType.U8, List.of(2L), 0, 1))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("tensor \"w\"")
                .hasMessageContaining("got [0, 1]");
        assertThatThrownBy(() -> new TensorInfo("w", DType.U8, List.of(2L), -1, 1))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("got [-1, 1]");
        // The difference of these wraps around to 2.
        assertThatThrownBy(
                        () ->
                                new TensorInfo(
                                        "w",
                                        DType.U8,
                                        List.of(2L),
                                        Long.MAX_VALUE,
                                        Long.MIN_VALUE + 1))
                .isInstanceOf(IllegalArgumentException.class);
    }

    @Test
    void theShapeIsCopied() {
        var shape = new ArrayList<>(List.of(2L));
        var info = new TensorInfo("w", DType.U8, shape, 0, 2);
        shape.set(0, 3L);
        assertThat(info.shape()).containsExactly(2L);
    }
}
