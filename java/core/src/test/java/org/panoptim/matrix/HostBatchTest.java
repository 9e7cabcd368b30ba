package org.panoptim.matrix;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;

/** Handles of matrices in host memory. */
class HostBatchTest {

    private static final MatrixSize SIZE = new MatrixSize(2, 3);

    private static MemorySegment floats(int count) {
        return MemorySegment.ofArray(new float[count]);
    }

    @Test
    void everyMatrixMustHaveItsMemory() {
        assertThatThrownBy(() -> new HostBatch(SIZE, List.of(floats(6), floats(5)), true))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("a matrix of 2 x 3 needs 24 bytes, but has 20");
    }

    @Test
    void aHandleIsEqualToItselfAlone() {
        var segments = List.of(floats(6), floats(7));
        var one = new HostBatch(SIZE, segments, true);
        var other = new HostBatch(SIZE, segments, true);
        assertThat(one).isEqualTo(one).isNotEqualTo(other);
        assertThat(one.hashCode()).isEqualTo(System.identityHashCode(one));
    }

    @Test
    void itKeepsItsSegments() {
        var segments = new ArrayList<>(List.of(floats(6), floats(6)));
        var batch = new HostBatch(SIZE, segments, true);
        segments.clear();
        assertThat(batch.count()).isEqualTo(2);
    }
}
