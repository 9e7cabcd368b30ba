package org.panoptim.memory;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;

import java.lang.foreign.MemorySegment;

class MemoryTest {

    @Test
    void aBufferOfTheHostKeepsWhatIsWrittenWhereItIsWritten() {
        try (var buffer = new HostBuffer(16)) {
            buffer.write(4, MemorySegment.ofArray(new int[] {1, 2}));
            var whole = new int[4];
            buffer.read(0, MemorySegment.ofArray(whole));
            assertThat(whole).containsExactly(0, 1, 2, 0);
            var part = new int[1];
            buffer.read(8, MemorySegment.ofArray(part));
            assertThat(part).containsExactly(2);
        }
    }

    @Test
    void aBufferOfTheHostIsClosedOnceAndThenGone() {
        var buffer = new HostBuffer(16);
        var segment = ((HostMemory) buffer.memory()).segment();
        assertThat(segment.scope().isAlive()).isTrue();
        buffer.close();
        assertThat(segment.scope().isAlive()).isFalse();
        buffer.close();
    }

    @Test
    void memoryOfADeviceMayBeEmptyButNotNegativeAndHasAnAddress() {
        assertThat(new DeviceMemory(256, 0).byteSize()).isZero();
        assertThatThrownBy(() -> new DeviceMemory(256, -1))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("byteSize must be at least 0, but is -1");
        assertThatThrownBy(() -> new DeviceMemory(0, 4))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("a device address must not be 0");
    }
}
