package org.panoptim.memory;

/**
 * Memory of an accelerator. Java cannot dereference it; only a backend for that device takes it.
 *
 * @param address the device address, not 0
 * @param byteSize the size in bytes
 */
public record DeviceMemory(long address, long byteSize) implements Memory {

    /** Checks the components. */
    public DeviceMemory {
        if (address == 0) {
            throw new IllegalArgumentException("a device address must not be 0");
        }
        if (byteSize < 0) {
            throw new IllegalArgumentException("byteSize must be at least 0, but is " + byteSize);
        }
    }
}
