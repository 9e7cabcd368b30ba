package org.panoptim.cuda;

import org.panoptim.cuda.driver.CudaDevice;
import org.panoptim.cuda.driver.CudaDriver;
import org.panoptim.cuda.driver.PinnedBuffer;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;

/**
 * Sends small tables to the device in the stream's order, without waiting for it: from page-locked
 * buffers used in turn, each again only when the device has read it.
 *
 * <p>What is sent during a capture is read again whenever the graph runs, so it gets a buffer of
 * its own, for good. The context must be current.
 */
final class Uploads implements AutoCloseable {

    private static final int BUFFERS = 8;

    private final CudaDevice device;
    private final CudaDriver driver;
    private final PinnedBuffer[] buffers = new PinnedBuffer[BUFFERS];
    private final long[] events = new long[BUFFERS];
    private final List<PinnedBuffer> captured = new ArrayList<>();
    private PinnedBuffer spare;
    private long spareUsed;
    private int turn;

    /** Buffers for up to so many bytes at a time. */
    Uploads(CudaDevice device, long bytes) {
        this.device = device;
        driver = device.driver();
        // Allocated ahead, since a capture may forbid it.
        spare = PinnedBuffer.allocate(device, bytes);
        try {
            for (int i = 0; i < BUFFERS; i++) {
                buffers[i] = PinnedBuffer.allocate(device, bytes);
                events[i] = driver.createEvent();
            }
        } catch (RuntimeException | Error e) {
            close();
            throw e;
        }
    }

    /** Sends a table; it may be changed as soon as this returns. */
    void send(long address, MemorySegment table, long stream, boolean capturing) {
        long bytes = table.byteSize();
        if (bytes == 0) {
            return;
        }
        if (capturing) {
            var buffer = takeSpare(bytes);
            buffer.copyFrom(table);
            driver.copyToDevice(address, buffer.address(), bytes, stream);
            return;
        }
        var buffer = buffers[turn];
        driver.synchronizeEvent(events[turn]);
        MemorySegment.copy(table, 0, buffer.memory(), 0, bytes);
        driver.copyToDevice(address, buffer.address(), bytes, stream);
        driver.recordEvent(events[turn], stream);
        turn = (turn + 1) % BUFFERS;
    }

    private MemorySegment takeSpare(long bytes) {
        if (spareUsed + bytes > spare.bytes()) {
            captured.add(spare);
            spare = PinnedBuffer.allocate(device, spare.bytes());
            spareUsed = 0;
        }
        var taken = spare.memory().asSlice(spareUsed, bytes);
        spareUsed += bytes;
        return taken;
    }

    /** Frees the buffers; the stream's work must be done. */
    @Override
    public void close() {
        for (int i = 0; i < BUFFERS; i++) {
            if (events[i] != 0) {
                driver.destroyEvent(events[i]);
                events[i] = 0;
            }
            if (buffers[i] != null) {
                buffers[i].close();
            }
        }
        spare.close();
        captured.forEach(PinnedBuffer::close);
        captured.clear();
    }
}
