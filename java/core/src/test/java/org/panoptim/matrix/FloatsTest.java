package org.panoptim.matrix;

import static org.assertj.core.api.Assertions.assertThat;
import static org.panoptim.matrix.Segments.floats;
import static org.panoptim.matrix.Segments.read;

import org.junit.jupiter.api.Test;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.concurrent.CompletableFuture;

/** What is read of matrices of floats. */
class FloatsTest {

    @Test
    void memoryIsSharedUnlessAThreadOwnsIt() {
        try (var confined = Arena.ofConfined();
                var shared = Arena.ofShared()) {
            assertThat(Floats.isShared(confined.allocate(4))).isFalse();
            assertThat(Floats.isShared(shared.allocate(4))).isTrue();
            assertThat(Floats.isShared(MemorySegment.ofArray(new float[1]))).isTrue();
        }
    }

    @Test
    void memoryIsAtFaultIfItsArenaIsClosedOrOfAnotherThread() {
        assertThat(Floats.fault(floats(1))).isEmpty();
        MemorySegment closed;
        try (var arena = Arena.ofConfined()) {
            closed = arena.allocate(4);
            assertThat(Floats.fault(closed)).isEmpty();
        }
        assertThat(Floats.fault(closed)).contains("its arena is closed");
        var ofAnother = CompletableFuture.supplyAsync(() -> Arena.ofConfined().allocate(4)).join();
        assertThat(Floats.fault(ofAnother))
                .contains(
                        "its arena is confined to a thread other than "
                                + Thread.currentThread().getName());
    }

    @Test
    void theLargestRowSumIsOfAbsoluteValues() {
        assertThat(Floats.largestRowSum(floats(1, -2, 3, -4, -5, 1, 6, 0, 0), 3)).isEqualTo(10);
    }

    @Test
    void theSumOfSquaresIsOfScaledValues() {
        assertThat(Floats.sumOfSquares(floats(1, -2, 3), 4)).isEqualTo(16 * 14);
    }

    @Test
    void theTraceIsOfTheDiagonal() {
        assertThat(Floats.trace(floats(1, 9, 9, 9, -2, 9, 9, 9, 4), 3)).isEqualTo(3);
    }

    @Test
    void aScaledCopyIsOfEveryValue() {
        try (var arena = Arena.ofConfined()) {
            var values = floats(1, -2, 3);
            assertThat(read(Floats.scaled(values, 1 / 3.0, arena)))
                    .containsExactly((float) (1 / 3.0), (float) (-2 / 3.0), 1);
            assertThat(read(values)).containsExactly(1, -2, 3);
        }
    }
}
