package org.panoptim.cuda.device;

import org.panoptim.cuda.driver.CudaDevice;
import org.panoptim.cuda.driver.CudaDriver;
import org.panoptim.cuda.driver.PinnedBuffer;
import org.panoptim.spi.Cleanup;

import java.lang.foreign.MemorySegment;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;

/**
 * Sends small tables to the device in the stream's order, without waiting for it: from page-locked
 * buffers used in turn, each again only when the device has read it.
 *
 * <p>What is sent during a capture is read again whenever the graph runs, so it gets page-locked
 * separate memory, until the graph is no more. That memory is there before the capture begins,
 * since a capture may forbid to allocate or to wait, and a forbidden call invalidates it. The
 * context must be current.
 */
public final class Uploads implements AutoCloseable {

    /** Tables that can be sent during captures without a call outside one in between. */
    public static final int CAPTURED_SENDS = 4;

    private static final int BUFFERS = 8;

    /** What slots are rounded up to: a cache line. */
    private static final long SLOT_ALIGNMENT = 64;

    private final CudaDevice device;
    private final CudaDriver driver;
    private final PinnedBuffer[] buffers = new PinnedBuffer[BUFFERS];
    private final long[] events = new long[BUFFERS];
    private int turn;

    private final long slotBytes;
    private final List<PinnedBuffer> slotBuffers = new ArrayList<>();
    private final Deque<MemorySegment> freeSlots = new ArrayDeque<>(CAPTURED_SENDS);

    /** Buffers for up to so many bytes at a time, none of them sent during a capture. */
    public Uploads(CudaDevice device, long bytes) {
        this(device, bytes, 0);
    }

    /**
     * Buffers for up to so many bytes at a time.
     *
     * @param capturedBytes the most that is sent at a time during a capture; 0: nothing is
     */
    public Uploads(CudaDevice device, long bytes, long capturedBytes) {
        this.device = device;
        driver = device.driver();
        slotBytes = Math.ceilDiv(capturedBytes, SLOT_ALIGNMENT) * SLOT_ALIGNMENT;
        try {
            for (int i = 0; i < BUFFERS; i++) {
                buffers[i] = PinnedBuffer.allocate(device, bytes);
                events[i] = driver.createEvent();
            }
            prepareCaptures();
        } catch (RuntimeException | Error e) {
            Cleanup.after(e, this::close);
            throw e;
        }
    }

    /**
     * Sees to it that {@link #CAPTURED_SENDS} tables can be sent during captures. Allocates only if
     * some were sent since; not to be called during a capture.
     */
    public void prepareCaptures() {
        int missing = CAPTURED_SENDS - freeSlots.size();
        if (missing <= 0 || slotBytes == 0) {
            return;
        }
        var buffer = PinnedBuffer.allocate(device, missing * slotBytes);
        slotBuffers.add(buffer);
        for (int i = 0; i < missing; i++) {
            freeSlots.add(buffer.memory().asSlice(i * slotBytes, slotBytes));
        }
    }

    /**
     * Sends a table; it may be changed as soon as this returns. The stream is not being captured.
     */
    public void send(long address, MemorySegment table, long stream) {
        long bytes = table.byteSize();
        if (bytes == 0) {
            return;
        }
        var buffer = buffers[turn];
        driver.synchronizeEvent(events[turn]);
        MemorySegment.copy(table, 0, buffer.memory(), 0, bytes);
        driver.copyToDevice(address, buffer.address(), bytes, stream);
        driver.recordUse(events[turn], stream);
        turn = (turn + 1) % BUFFERS;
    }

    /**
     * Lets the graph that a stream is being captured into send a table whenever it runs.
     *
     * @return the memory that it is sent from, to be {@linkplain #giveBack given back} when the
     *     graph is no more; of a framework's graph that is never known
     * @throws IllegalStateException if no memory is left for that; nothing was called then, and the
     *     capture goes on
     */
    public MemorySegment sendCaptured(long address, MemorySegment table, long stream) {
        if (table.byteSize() == 0) {
            return MemorySegment.NULL;
        }
        var slot = freeSlots.peek();
        if (slot == null) {
            throw new IllegalStateException(
                    "steps or zeroings of this optimizer were captured %d times without a call of it outside a capture in between, and page-locked memory for another cannot be allocated during a capture; call lossScale(), report() or step() outside a capture now and then, and capture again"
                            .formatted(CAPTURED_SENDS));
        }
        MemorySegment.copy(table, 0, slot, 0, table.byteSize());
        driver.copyToDevice(address, slot.address(), table.byteSize(), stream);
        return freeSlots.remove();
    }

    /** Takes back memory that no graph reads any more. */
    public void giveBack(MemorySegment slot) {
        if (slot.byteSize() > 0) {
            freeSlots.add(slot);
        }
    }

    /** Frees the buffers; the stream's work must be done. */
    @Override
    public void close() {
        var cleanup = new Cleanup();
        for (int i = 0; i < BUFFERS; i++) {
            long event = events[i];
            if (event != 0) {
                cleanup.add(() -> driver.destroyEvent(event));
                events[i] = 0;
            }
            if (buffers[i] != null) {
                cleanup.keep(buffers[i]);
            }
        }
        slotBuffers.forEach(cleanup::keep);
        freeSlots.clear();
        slotBuffers.clear();
        cleanup.run();
    }
}
