package org.panoptim.matrix;

import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;

import java.lang.foreign.MemorySegment;
import java.util.List;

/** Checks that the host's engine makes twice, and a device's once. */
class MatrixChecksTest {

    private static HostBatch batch(int rows, int columns) {
        var segment = MemorySegment.ofArray(new float[rows * columns]);
        return new HostBatch(new MatrixSize(rows, columns), List.of(segment), true);
    }

    @Test
    void aRankUpdateIsCheckedAsTheProductThatItIs() {
        MatrixChecks.rankUpdate(batch(2, 3), false, batch(2, 2));
        MatrixChecks.rankUpdate(batch(2, 3), true, batch(3, 3));
        assertThatThrownBy(() -> MatrixChecks.rankUpdate(batch(2, 3), true, batch(2, 2)))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("a product of matrices of 3 x 2 and 2 x 3 does not fit one of 2 x 2");
    }
}
