package org.panoptim.cuda.driver;

import org.panoptim.spi.Cleanup;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.concurrent.atomic.AtomicBoolean;

/**
 * Page-locked host memory that a device reaches too.
 *
 * <p>Whoever closes it sees to it that the device has done with it, and closes it before its
 * device.
 */
public final class PinnedBuffer implements AutoCloseable {

    private final CudaDevice device;
    private final Arena arena = Arena.ofShared();
    private final MemorySegment memory;
    private final long devicePointer;
    private final AtomicBoolean closed = new AtomicBoolean();

    private PinnedBuffer(CudaDevice device, long address, long bytes) {
        this.device = device;
        memory = MemorySegment.ofAddress(address).reinterpret(bytes, arena, null);
        devicePointer = device.driver().devicePointer(address);
    }

    /**
     * Allocates a buffer; its content is undefined. Makes the device's context current.
     *
     * @param bytes above 0
     */
    public static PinnedBuffer allocate(CudaDevice device, long bytes) {
        if (bytes <= 0) {
            throw new IllegalArgumentException("bytes must be above 0, but is " + bytes);
        }
        device.enter();
        long address = device.driver().allocatePinned(bytes);
        try {
            return new PinnedBuffer(device, address, bytes);
        } catch (RuntimeException | Error e) {
            Cleanup.after(e, () -> device.driver().freePinned(address));
            throw e;
        }
    }

    /** The memory; it can be used by any thread until the buffer is closed. */
    public MemorySegment memory() {
        return memory;
    }

    /** Its address on the host. */
    public long address() {
        return memory.address();
    }

    /** Its address on the device. */
    public long devicePointer() {
        return devicePointer;
    }

    /** Its size in bytes. */
    public long bytes() {
        return memory.byteSize();
    }

    /** Frees the memory. */
    @Override
    public void close() {
        if (closed.compareAndSet(false, true)) {
            long address = memory.address();
            Cleanup.all(device::enter, arena::close, () -> device.driver().freePinned(address));
        }
    }
}
