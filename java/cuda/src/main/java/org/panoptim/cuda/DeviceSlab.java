package org.panoptim.cuda;

import org.panoptim.spi.Cleanup;

/** Allocating zeroed memory of the device. */
final class DeviceSlab {

    /** What addresses within a slab are rounded up to: good for any access. */
    static final long ALIGNMENT = 256;

    private DeviceSlab() {}

    /** Rounds a size up to the alignment. */
    static long aligned(long bytes) {
        return Math.ceilDiv(bytes, ALIGNMENT) * ALIGNMENT;
    }

    /**
     * Allocates zeros; never nothing, so that the address is one.
     *
     * @throws IllegalStateException if the stream is being captured, since the memory would then
     *     belong to the graph
     */
    static long allocate(CudaBackend backend, long bytes) {
        backend.requireNoCapture("device memory cannot be allocated");
        var driver = backend.device().driver();
        long size = Math.max(aligned(bytes), ALIGNMENT);
        long address = driver.allocate(size, backend.stream());
        try {
            driver.fill(address, 0, size / Integer.BYTES, backend.stream());
        } catch (RuntimeException | Error e) {
            Cleanup.after(e, () -> driver.free(address, backend.stream()));
            throw e;
        }
        return address;
    }
}
