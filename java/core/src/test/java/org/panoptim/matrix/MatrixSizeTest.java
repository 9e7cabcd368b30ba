package org.panoptim.matrix;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;
import org.panoptim.tensor.Shape;

/** Tensors as matrices. */
class MatrixSizeTest {

    @Test
    void theFirstDimensionCountsTheRowsAndTheOthersTheColumns() {
        assertThat(MatrixSize.of(Shape.of())).isEqualTo(new MatrixSize(1, 1));
        assertThat(MatrixSize.of(Shape.of(3))).isEqualTo(new MatrixSize(3, 1));
        assertThat(MatrixSize.of(Shape.of(3, 2))).isEqualTo(new MatrixSize(3, 2));
        assertThat(MatrixSize.of(Shape.of(5, 4, 3, 2))).isEqualTo(new MatrixSize(5, 24));
        assertThat(MatrixSize.of(Shape.of(0, 4))).isEqualTo(new MatrixSize(0, 4));
    }

    @Test
    void whatIsTooLargeForAMatrixIsRefused() {
        for (var shape :
                new Shape[] {
                    Shape.of(1L << 31, 1), Shape.of(1, 1L << 31), Shape.of(1, 65536, 65536)
                }) {
            assertThatThrownBy(() -> MatrixSize.of(shape)).isInstanceOf(ArithmeticException.class);
        }
    }

    @Test
    void itCountsElementsBeyondThirtyTwoBits() {
        assertThat(new MatrixSize(1 << 20, 1 << 20).elements()).isEqualTo(1L << 40);
    }

    @Test
    void aTransposeHasColumnsForRows() {
        assertThat(new MatrixSize(2, 3).transposed()).isEqualTo(new MatrixSize(3, 2));
        assertThat(new MatrixSize(2, 3)).hasToString("2 x 3");
    }

    @Test
    void rowsAndColumnsAreNotNegative() {
        for (int[] size : new int[][] {{-1, 2}, {2, -1}}) {
            assertThatThrownBy(() -> new MatrixSize(size[0], size[1]))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessage(
                            "a matrix cannot have %d rows and %d columns"
                                    .formatted(size[0], size[1]));
        }
    }
}
