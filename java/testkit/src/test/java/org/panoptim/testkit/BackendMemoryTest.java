package org.panoptim.testkit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.panoptim.backend.Backend;
import org.panoptim.memory.HostMemory;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

class BackendMemoryTest {

    private final Backend backend = Backend.named("reference");
    private final BackendMemory memory = new BackendMemory(backend);

    @AfterEach
    void close() {
        memory.close();
        backend.close();
    }

    private static MemorySegment segment(BackendTensor tensor) {
        return ((HostMemory) tensor.memory()).segment();
    }

    @Test
    void aTensorBeginsAsFarFromALineAsItIsAskedTo() {
        for (int offset = 0; offset < 16; offset++) {
            var tensor = memory.allocate(5, offset);
            assertThat(tensor.memory().address() % 64).isEqualTo(4L * offset);
            assertThat(tensor.memory().byteSize()).isEqualTo(20);
            assertThat(tensor.toArray()).containsOnly(0f).hasSize(5);
        }
    }

    @Test
    void whatIsWrittenIsRead() {
        var neighbour = memory.allocate(3);
        var tensor = memory.allocate(3, 7);
        tensor.write(1, 2, 3);
        neighbour.write(4, 5, 6);
        assertThat(tensor.toArray()).containsExactly(1, 2, 3);
        assertThat(neighbour.toArray()).containsExactly(4, 5, 6);
        assertThatThrownBy(() -> tensor.write(1, 2, 3, 4))
                .isInstanceOf(IndexOutOfBoundsException.class);
        assertThatThrownBy(() -> tensor.read(8, MemorySegment.ofArray(new float[2])))
                .isInstanceOf(IndexOutOfBoundsException.class);
    }

    @Test
    void aWriteNextToATensorShows() {
        for (int outside : new int[] {-16, -1, 3, 18}) {
            var tensor = memory.allocate(3, 5);
            assertThat(tensor.hasIntactGuards()).isTrue();
            MemorySegment.ofAddress(segment(tensor).address() + 4L * outside)
                    .reinterpret(4)
                    .set(ValueLayout.JAVA_FLOAT, 0, 1);
            assertThat(tensor.hasIntactGuards()).as("%d", outside).isFalse();
        }
    }

    @Test
    void aReadNextToATensorGivesNaN() {
        var tensor = memory.allocate(3, 5);
        for (int outside : new int[] {-16, -1, 3, 18}) {
            assertThat(
                            MemorySegment.ofAddress(segment(tensor).address() + 4L * outside)
                                    .reinterpret(4)
                                    .get(ValueLayout.JAVA_FLOAT, 0))
                    .isNaN();
        }
    }

    @Test
    void tensorsOfAnySizeFit() {
        var large = memory.allocate(3_000_001, 3);
        var empty = memory.allocate(0, 15);
        assertThat(large.elements()).isEqualTo(3_000_001);
        assertThat(large.hasIntactGuards()).isTrue();
        assertThat(empty.toArray()).isEmpty();
        assertThat(empty.hasIntactGuards()).isTrue();
    }
}
