package org.panoptim.cuda.matrix;

import org.panoptim.abi.bindings.PanoptimMatrix;
import org.panoptim.abi.bindings.panoptim_matrix_batch;
import org.panoptim.abi.bindings.panoptim_matrix_launch;
import org.panoptim.cuda.device.CudaKernels;
import org.panoptim.cuda.device.DeviceContext;
import org.panoptim.cuda.device.DeviceSlab;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;

/** Launching the kernels of {@code kernels/matrix} on a stream. */
final class MatrixKernels implements AutoCloseable {

    /** Rows of the blocks that factorisations go by. */
    static final int BLOCK = PanoptimMatrix.PANOPTIM_MATRIX_BLOCK();

    private static final int PARTIALS = PanoptimMatrix.PANOPTIM_MATRIX_PARTIALS();

    private static final List<String> NAMES =
            List.of(
                    "begin",
                    "factorise",
                    "solve",
                    "end",
                    "invert",
                    "mirror",
                    "squares",
                    "norms",
                    "divide");

    private final DeviceContext context;
    private final Arena arena = Arena.ofShared();
    private final MemorySegment argument = panoptim_matrix_launch.allocate(arena);

    /** Found at once: within a capture no module can be loaded. */
    private final Map<String, CudaKernels.Kernel> kernels = new HashMap<>();

    /** Partial sums of norms. */
    private final long partials;

    private final int most;
    private long stream;

    /**
     * On the context's stream.
     *
     * @param most the most matrices of a launch
     */
    MatrixKernels(DeviceContext context, int most) {
        this.context = context;
        this.most = most;
        stream = context.stream();
        try {
            NAMES.forEach(name -> kernels.put(name, context.kernels().matrix(name)));
            partials = DeviceSlab.allocate(context, (long) Double.BYTES * PARTIALS * most);
        } catch (RuntimeException | Error e) {
            arena.close();
            throw e;
        }
    }

    void on(long newStream) {
        stream = newStream;
    }

    /** The lower triangles of {@code a + damping · I}, with zeros above. */
    void begin(int size, DeviceBatch.Span a, double damping, DeviceBatch.Span to) {
        square(size, a, to);
        panoptim_matrix_launch.scalar(argument, damping);
        run("begin", pieces((long) size * size * to.count()));
    }

    /** Factorises a block on the diagonal. */
    void factorise(int size, int block, DeviceBatch.Span matrices) {
        square(size, matrices, matrices);
        panoptim_matrix_launch.block(argument, block);
        run("factorise", matrices.count());
    }

    /** Solves the blocks below one that is factorised. */
    void solve(int size, int block, DeviceBatch.Span matrices) {
        square(size, matrices, matrices);
        panoptim_matrix_launch.block(argument, block);
        run("solve", (long) blocks(size - block - BLOCK) * matrices.count());
    }

    /** Zeros above the diagonal, or NaN everywhere. */
    void end(int size, DeviceBatch.Span matrices) {
        square(size, matrices, matrices);
        run("end", pieces((long) size * size * matrices.count()));
    }

    /** The inverses of the blocks on the diagonal of lower triangles, with zeros right of them. */
    void invert(int size, DeviceBatch.Span lower, DeviceBatch.Span to) {
        square(size, lower, to);
        run("invert", (long) blocks(size) * to.count());
    }

    /** What is above the diagonal becomes what is below it. */
    void mirror(int size, DeviceBatch.Span matrices) {
        square(size, matrices, matrices);
        long side = blocks(size);
        run("mirror", side * (side + 1) / 2 * matrices.count());
    }

    /** Frobenius norms of matrices of so many elements. */
    void norms(long elements, DeviceBatch.Span matrices, DeviceBatch.Span norms) {
        if (norms.count() > most) {
            throw new IllegalArgumentException(
                    "a batch of %d matrices, but there is room for the norms of %d"
                            .formatted(norms.count(), most));
        }
        numbers(elements, matrices, norms);
        panoptim_matrix_launch.partials(argument, MemorySegment.ofAddress(partials));
        run("squares", (long) PARTIALS * norms.count());
        run("norms", pieces(norms.count()));
    }

    /** Divides matrices of so many elements. */
    void divide(
            long elements, DeviceBatch.Span matrices, DeviceBatch.Span divisors, float epsilon) {
        numbers(elements, divisors, matrices);
        panoptim_matrix_launch.scalar(argument, epsilon);
        run("divide", pieces(elements * matrices.count()));
    }

    private static int blocks(int rows) {
        return Math.ceilDiv(rows, BLOCK);
    }

    /** The thread blocks that take one element a thread. */
    private static long pieces(long elements) {
        return Math.ceilDiv(elements, CudaKernels.MATRIX_THREADS);
    }

    private void square(int size, DeviceBatch.Span from, DeviceBatch.Span to) {
        describe(from, to);
        panoptim_matrix_launch.size(argument, size);
    }

    private void numbers(long elements, DeviceBatch.Span from, DeviceBatch.Span to) {
        describe(from, to);
        panoptim_matrix_launch.elements(argument, elements);
    }

    private void describe(DeviceBatch.Span from, DeviceBatch.Span to) {
        argument.fill((byte) 0);
        describe(panoptim_matrix_launch.from(argument), from);
        describe(panoptim_matrix_launch.to(argument), to);
        panoptim_matrix_launch.count(argument, to.count());
    }

    private static void describe(MemorySegment batch, DeviceBatch.Span span) {
        panoptim_matrix_batch.first(batch, MemorySegment.ofAddress(span.first()));
        panoptim_matrix_batch.stride(batch, span.stride());
    }

    private void run(String name, long pieces) {
        if (pieces == 0) {
            return;
        }
        context.enter();
        var kernel = Objects.requireNonNull(kernels.get(name), name);
        context.driver()
                .launch(
                        kernel.function(),
                        kernel.name(),
                        kernel.blocksFor(pieces),
                        kernel.threads(),
                        0,
                        stream,
                        argument);
    }

    @Override
    public void close() {
        arena.close();
        context.driver().free(partials, context.stream());
    }
}
