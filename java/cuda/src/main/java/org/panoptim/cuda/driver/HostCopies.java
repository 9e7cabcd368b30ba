package org.panoptim.cuda.driver;

import org.panoptim.spi.Cleanup;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;

/**
 * Copies between memory of the host, of the Java heap too, and of a device, through two page-locked
 * buffers used in turn: while the device copies one, the host copies the other.
 *
 * <p>For one thread at a time. Every method makes the device's context current.
 */
public final class HostCopies implements AutoCloseable {

    /** Bytes of each of the two buffers by default. */
    public static final long BUFFER_BYTES = 4 << 20;

    private static final int BUFFERS = 2;

    private final CudaDevice device;
    private final CudaDriver driver;
    private final long bufferBytes;
    private final List<PinnedBuffer> buffers = new ArrayList<>();

    /** One for each buffer, recorded behind its last copy. */
    private final long[] events = new long[BUFFERS];

    private int eventCount;
    private int turn;

    /** Buffers of the usual size. */
    public HostCopies(CudaDevice device) {
        this(device, BUFFER_BYTES);
    }

    /** Buffers of a given size in bytes. */
    public HostCopies(CudaDevice device, long bufferBytes) {
        this.device = device;
        driver = device.driver();
        this.bufferBytes = bufferBytes;
        try {
            for (int i = 0; i < BUFFERS; i++) {
                buffers.add(PinnedBuffer.allocate(device, bufferBytes));
                events[i] = driver.createEvent();
                eventCount++;
            }
        } catch (RuntimeException | Error e) {
            Cleanup.after(e, this::close);
            throw e;
        }
    }

    /**
     * Copies to the device, in the stream's order. The source may be changed as soon as this
     * returns; the device may not have copied all yet.
     *
     * @param address of as many bytes of device memory as the source has
     * @throws IllegalStateException if the stream is being captured
     */
    public void toDevice(long address, MemorySegment source, long stream) {
        begin(stream);
        long bytes = source.byteSize();
        for (long done = 0; done < bytes; done += bufferBytes) {
            long count = Math.min(bufferBytes, bytes - done);
            var buffer = buffers.get(turn);
            driver.synchronizeEvent(events[turn]);
            MemorySegment.copy(source, done, buffer.memory(), 0, count);
            driver.copyToDevice(address + done, buffer.address(), count, stream);
            driver.recordUse(events[turn], stream);
            turn = (turn + 1) % BUFFERS;
        }
    }

    /**
     * Copies to the host, in the stream's order, and waits for the end.
     *
     * @param address of as many bytes of device memory as the target has
     * @throws IllegalStateException if the stream is being captured
     */
    public void toHost(MemorySegment target, long address, long stream) {
        begin(stream);
        long bytes = target.byteSize();
        // The device is one chunk ahead of the host.
        long requested = 0;
        for (long done = 0; done < bytes; ) {
            while (requested < bytes && requested < done + BUFFERS * bufferBytes) {
                long count = Math.min(bufferBytes, bytes - requested);
                int ahead = (turn + (int) ((requested - done) / bufferBytes)) % BUFFERS;
                driver.synchronizeEvent(events[ahead]);
                driver.copyToHost(buffers.get(ahead).address(), address + requested, count, stream);
                driver.recordUse(events[ahead], stream);
                requested += count;
            }
            long count = Math.min(bufferBytes, bytes - done);
            driver.synchronizeEvent(events[turn]);
            MemorySegment.copy(buffers.get(turn).memory(), 0, target, done, count);
            done += count;
            turn = (turn + 1) % BUFFERS;
        }
    }

    private void begin(long stream) {
        device.enter();
        if (driver.isCapturing(stream)) {
            throw new IllegalStateException(
                    "host memory cannot be copied while the stream is being captured");
        }
    }

    /** Waits for the copies and frees the buffers. */
    @Override
    public void close() {
        if (buffers.isEmpty()) {
            return;
        }
        var cleanup = new Cleanup();
        buffers.forEach(cleanup::keep);
        buffers.clear();
        while (eventCount > 0) {
            long event = events[--eventCount];
            cleanup.add(() -> driver.destroyEvent(event));
            cleanup.add(() -> driver.synchronizeEvent(event));
        }
        cleanup.add(device::enter);
        cleanup.run();
    }
}
