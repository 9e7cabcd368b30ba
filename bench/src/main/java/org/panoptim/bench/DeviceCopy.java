package org.panoptim.bench;

import org.panoptim.cuda.CudaBackend;
import org.panoptim.memory.Buffer;

import java.util.ArrayList;
import java.util.List;

/**
 * A device's limit: a copy within its memory that moves as many bytes as a step of AdamW, which
 * reads four numbers per parameter and writes three.
 */
final class DeviceCopy implements AutoCloseable {

    /** A copy reads and writes each byte, a step moves 28. */
    static final long BYTES_PER_PARAMETER = 14;

    /** Longer copies are no faster, and so large a piece lies in no cache. */
    private static final long LARGEST_PIECE = 1L << 30;

    /** Of the device's memory, what either buffer may take. */
    private static final long MEMORY_SHARE = 16;

    private final CudaBackend backend;
    private final List<Long> pieces;
    private final Buffer from;
    private final Buffer to;

    /** A copy for so many parameters. */
    DeviceCopy(CudaBackend backend, long parameters) {
        this(
                backend,
                parameters,
                Math.min(LARGEST_PIECE, backend.device().memory() / MEMORY_SHARE));
    }

    /** A copy through buffers no larger than a piece. */
    DeviceCopy(CudaBackend backend, long parameters, long piece) {
        this.backend = backend;
        pieces = pieces(BYTES_PER_PARAMETER * parameters, piece);
        from = backend.allocate(pieces.getFirst());
        try {
            to = backend.allocate(pieces.getFirst());
        } catch (RuntimeException e) {
            from.close();
            throw e;
        }
    }

    /** Shares bytes out, the largest piece first. */
    static List<Long> pieces(long bytes, long largest) {
        var pieces = new ArrayList<Long>();
        for (long left = bytes; left > 0; left -= largest) {
            pieces.add(Math.min(left, largest));
        }
        return List.copyOf(pieces);
    }

    /** What is copied. */
    Buffer from() {
        return from;
    }

    /** Where it is copied to. */
    Buffer to() {
        return to;
    }

    /** Copies once, and waits until it is done. */
    void run() {
        queue();
        backend.device().driver().synchronizeStream(backend.stream());
    }

    /** Queues the copy. */
    void queue() {
        var device = backend.device();
        device.enter();
        for (long bytes : pieces) {
            device.driver()
                    .copyOnDevice(
                            to.memory().address(),
                            from.memory().address(),
                            bytes,
                            backend.stream());
        }
    }

    @Override
    public void close() {
        to.close();
        from.close();
    }
}
