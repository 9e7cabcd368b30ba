package org.panoptim.cuda.kfac;

import static java.lang.foreign.ValueLayout.JAVA_INT;

import org.panoptim.abi.bindings.PanoptimKfac;
import org.panoptim.abi.bindings.panoptim_kfac_certified;
import org.panoptim.abi.bindings.panoptim_kfac_inversion;
import org.panoptim.abi.bindings.panoptim_kfac_matrix;
import org.panoptim.abi.bindings.panoptim_kfac_task;
import org.panoptim.cuda.device.CudaKernels;
import org.panoptim.cuda.device.DeviceContext;
import org.panoptim.cuda.device.DeviceSlab;
import org.panoptim.cuda.device.DeviceState;
import org.panoptim.kfac.engine.Inversion;
import org.panoptim.matrix.Certificate;
import org.panoptim.matrix.InversionMethod;
import org.panoptim.matrix.Inverted;
import org.panoptim.spi.Cleanup;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;

/**
 * The device's tables for one call that inverts factors, and the certificates of the candidates.
 */
final class InversionTables implements AutoCloseable {

    private static final int THREADS = 256;
    private static final int TILE = PanoptimKfac.PANOPTIM_KFAC_TILE();
    private static final int PRECISIONS = 2;

    /** Launches of the certificate: for the factor and the inverse, twice. */
    private static final int STAGES = 4;

    private final DeviceContext context;
    private final List<Integer> sizes = new ArrayList<>();
    private final long probes;
    private final Arena arena = Arena.ofConfined();
    private final List<Long> allocated = new ArrayList<>();

    /** What is read back: of all matrices the rows' certificates, then the statuses. */
    private final MemorySegment results;

    private final long resultsAddress;
    private final long table;
    private final long tickets;
    private final long rowTasks;
    private int rowTaskCount;

    InversionTables(
            DeviceContext context,
            FactorBuffers buffers,
            LayerTable layers,
            List<Inversion> inversions,
            int[] factorSizes,
            long probes) {
        this.context = context;
        this.probes = probes;
        for (var inversion : inversions) {
            sizes.add(factorSizes[inversion.factor()]);
        }
        int rows = 0;
        long flagCount = 0;
        long imageBytes = 0;
        long tileBytes = 0;
        for (int i = 0; i < inversions.size(); i++) {
            int side = side(i);
            rows += side;
            flagCount += (long) side * side;
            imageBytes += 2 * vectorBytes(i);
            tileBytes += tileBytes(inversions.get(i), side);
        }
        long certified = panoptim_kfac_certified.sizeof() * rows;
        results = arena.allocate(certified + (long) Integer.BYTES * sizes.size(), Double.BYTES);
        try {
            long tableBytes = DeviceSlab.aligned(panoptim_kfac_matrix.sizeof() * sizes.size());
            long taskBytes = DeviceSlab.aligned(panoptim_kfac_task.sizeof() * rows);
            long resultBytes = DeviceSlab.aligned(results.byteSize());
            long ticketBytes = DeviceSlab.aligned(Integer.BYTES * PRECISIONS);
            long flagBytes = DeviceSlab.aligned(flagCount * Integer.BYTES);
            table =
                    allocate(
                            tableBytes
                                    + taskBytes
                                    + resultBytes
                                    + ticketBytes
                                    + flagBytes
                                    + imageBytes);
            rowTasks = table + tableBytes;
            resultsAddress = rowTasks + taskBytes;
            tickets = resultsAddress + resultBytes;
            long flags = tickets + ticketBytes;
            long images = flags + flagBytes;
            long tiles = tileBytes > 0 ? workspace(tileBytes) : 0;
            write(buffers, layers, inversions, flags, images, tiles);
        } catch (RuntimeException | Error e) {
            Cleanup.after(e, this::close);
            throw e;
        }
    }

    private static long tileBytes(Inversion inversion, int side) {
        return inversion.method() instanceof InversionMethod.Cholesky(var precise)
                ? (long) (precise ? Double.BYTES : Float.BYTES) * TILE * TILE * side * (side + 1L)
                : 0;
    }

    private long allocate(long bytes) {
        long address = DeviceSlab.allocate(context, bytes);
        allocated.add(address);
        return address;
    }

    /** Memory of whatever content. */
    private long workspace(long bytes) {
        long address = context.driver().allocate(bytes, context.stream());
        allocated.add(address);
        return address;
    }

    private void write(
            FactorBuffers buffers,
            LayerTable layers,
            List<Inversion> inversions,
            long flags,
            long images,
            long tiles) {
        var rows = panoptim_kfac_matrix.allocateArray(sizes.size(), arena);
        var tasks = new ArrayList<int[]>();
        long certified = resultsAddress;
        long status = resultsAddress + results.byteSize() - (long) Integer.BYTES * sizes.size();
        for (int i = 0; i < sizes.size(); i++) {
            var inversion = inversions.get(i);
            int side = side(i);
            var row = panoptim_kfac_matrix.asSlice(rows, i);
            panoptim_kfac_matrix.factor(
                    row, MemorySegment.ofAddress(buffers.table(inversion.factor())));
            panoptim_kfac_matrix.layer(
                    row, MemorySegment.ofAddress(layers.address(inversion.factor() / 2)));
            panoptim_kfac_matrix.tiles(row, MemorySegment.ofAddress(tiles));
            panoptim_kfac_matrix.flags(row, MemorySegment.ofAddress(flags));
            panoptim_kfac_matrix.status(
                    row, MemorySegment.ofAddress(status + (long) Integer.BYTES * i));
            panoptim_kfac_matrix.images(row, MemorySegment.ofAddress(images));
            panoptim_kfac_matrix.residuals(row, MemorySegment.ofAddress(images + vectorBytes(i)));
            panoptim_kfac_matrix.certified(row, MemorySegment.ofAddress(certified));
            panoptim_kfac_matrix.damping(row, inversion.damping());
            panoptim_kfac_matrix.size(row, sizes.get(i));
            panoptim_kfac_matrix.side(row, side);
            tiles += tileBytes(inversion, side);
            flags += (long) Integer.BYTES * side * side;
            images += 2 * vectorBytes(i);
            certified += panoptim_kfac_certified.sizeof() * side;
            for (int j = 0; j < side; j++) {
                tasks.add(new int[] {i, j});
            }
        }
        DeviceState.write(context, table, rows);
        var taskRows = panoptim_kfac_task.allocateArray(tasks.size(), arena);
        for (int i = 0; i < tasks.size(); i++) {
            var row = panoptim_kfac_task.asSlice(taskRows, i);
            panoptim_kfac_task.matrix(row, tasks.get(i)[0]);
            panoptim_kfac_task.row(row, tasks.get(i)[1]);
        }
        rowTaskCount = tasks.size();
        DeviceState.write(context, rowTasks, taskRows);
    }

    private long vectorBytes(int matrix) {
        return (long) Double.BYTES * Certificate.PROBES * sizes.get(matrix);
    }

    /** The tiles that cover a side of a matrix. */
    int side(int matrix) {
        return FactorBuffers.tiles(sizes.get(matrix));
    }

    /** A matrix's rows. */
    int size(int matrix) {
        return sizes.get(matrix);
    }

    /** The device address of the matrices' table. */
    long address(int matrix) {
        return table + panoptim_kfac_matrix.sizeof() * matrix;
    }

    /**
     * Launches a kernel over a queue of tasks.
     *
     * @param queue which of the queues' tickets it takes
     * @param write writes that many tasks
     */
    void enqueue(CudaKernels.Kernel kernel, int queue, int count, Consumer<MemorySegment> write) {
        try (var scratch = Arena.ofConfined()) {
            var tasks = panoptim_kfac_task.allocateArray(count, scratch);
            write.accept(tasks);
            long address = workspace(tasks.byteSize());
            DeviceState.write(context, address, tasks);
            var argument = argument(scratch, address, count, 0);
            panoptim_kfac_inversion.ticket(
                    argument, MemorySegment.ofAddress(tickets + (long) Integer.BYTES * queue));
            KroneckerLaunch.run(context, kernel, kernel.blocksFor(count), argument);
        }
    }

    /**
     * Launches a kernel with a thread block for each task.
     *
     * @param sharedBytes the dynamic shared memory of each
     * @param write writes that many tasks
     */
    void launch(
            CudaKernels.Kernel kernel, int sharedBytes, int count, Consumer<MemorySegment> write) {
        try (var scratch = Arena.ofConfined()) {
            var tasks = panoptim_kfac_task.allocateArray(count, scratch);
            write.accept(tasks);
            long address = workspace(tasks.byteSize());
            DeviceState.write(context, address, tasks);
            var argument = argument(scratch, address, count, 0);
            KroneckerLaunch.run(context, kernel, count, sharedBytes, argument);
        }
    }

    private MemorySegment argument(Arena scratch, long tasks, long count, int stage) {
        var argument = panoptim_kfac_inversion.allocate(scratch);
        panoptim_kfac_inversion.matrices(argument, MemorySegment.ofAddress(table));
        panoptim_kfac_inversion.tasks(argument, MemorySegment.ofAddress(tasks));
        panoptim_kfac_inversion.probes(argument, MemorySegment.ofAddress(probes));
        panoptim_kfac_inversion.count(argument, count);
        panoptim_kfac_inversion.stage(argument, stage);
        return argument;
    }

    /** Computes the certificates of all candidates, and reads them back with the statuses. */
    void certify() {
        var kernel = context.kernels().kronecker("certify", THREADS);
        try (var scratch = Arena.ofConfined()) {
            for (int stage = 0; stage < STAGES; stage++) {
                var argument = argument(scratch, rowTasks, rowTaskCount, stage);
                KroneckerLaunch.run(context, kernel, kernel.blocksFor(rowTaskCount), argument);
            }
        }
        DeviceState.read(context, resultsAddress, results);
    }

    /**
     * What came of a matrix.
     *
     * @param largestProbes {@code max ‖ω‖₂} of the vectors' first n rows
     */
    Inverted result(int matrix, double largestProbe, int iterations) {
        long at = 0;
        for (int i = 0; i < matrix; i++) {
            at += panoptim_kfac_certified.sizeof() * side(i);
        }
        var rows = results.asSlice(at, panoptim_kfac_certified.sizeof() * side(matrix));
        var status = status(matrix);
        var sums = new CertificateAccumulator();
        for (int i = 0; i < side(matrix); i++) {
            sums.add(panoptim_kfac_certified.asSlice(rows, i));
        }
        return sums.result(sizes.get(matrix), status, largestProbe, iterations);
    }

    private Inverted.Status status(int matrix) {
        long at = results.byteSize() - (long) Integer.BYTES * (sizes.size() - matrix);
        int status = results.get(JAVA_INT, at);
        if (status == PanoptimKfac.PANOPTIM_KFAC_INVERTED()) {
            return Inverted.Status.INVERTED;
        }
        return status == PanoptimKfac.PANOPTIM_KFAC_NOT_POSITIVE_DEFINITE()
                ? Inverted.Status.NOT_POSITIVE_DEFINITE
                : Inverted.Status.NOT_FINITE;
    }

    @Override
    public void close() {
        var cleanup = new Cleanup();
        allocated.forEach(
                address -> cleanup.add(() -> context.driver().free(address, context.stream())));
        cleanup.add(arena::close);
        allocated.clear();
        cleanup.run();
    }
}
