package org.panoptim.cuda.device;

import org.panoptim.spi.Cleanup;

/** Allocating zeroed memory of the device. */
public final class DeviceSlab {

    /** What addresses within a slab are rounded up to: good for any access. */
    public static final long ALIGNMENT = 256;

    private DeviceSlab() {}

    /** Rounds a size up to the alignment. */
    public static long aligned(long bytes) {
        return Math.ceilDiv(bytes, ALIGNMENT) * ALIGNMENT;
    }

    /**
     * Allocates zeros; never nothing, so that the address is one. Makes the context current.
     *
     * @throws IllegalStateException if the stream is being captured, since the memory would then
     *     belong to the graph
     */
    public static long allocate(DeviceContext context, long bytes) {
        context.enter();
        context.requireNoCapture("device memory cannot be allocated");
        var driver = context.driver();
        long size = Math.max(aligned(bytes), ALIGNMENT);
        long address = driver.allocate(size, context.stream());
        try {
            driver.fill(address, 0, size / Integer.BYTES, context.stream());
        } catch (RuntimeException | Error e) {
            Cleanup.after(e, () -> driver.free(address, context.stream()));
            throw e;
        }
        return address;
    }
}
