package org.panoptim.cuda.team;

import static org.panoptim.abi.Layouts.pointer;
import static org.panoptim.abi.bindings.PanoptimPlan.PANOPTIM_BF16;
import static org.panoptim.abi.bindings.PanoptimPlan.PANOPTIM_BLOCK;
import static org.panoptim.abi.bindings.PanoptimPlan.PANOPTIM_F32;

import org.panoptim.abi.bindings.panoptim_team_sum;
import org.panoptim.abi.bindings.panoptim_team_sums;
import org.panoptim.cuda.device.CudaKernels;
import org.panoptim.cuda.device.DeviceContext;
import org.panoptim.cuda.device.DeviceSlab;
import org.panoptim.cuda.device.Uploads;
import org.panoptim.spi.Cleanup;
import org.panoptim.spi.SharedArray;
import org.panoptim.tensor.DType;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;

/** Launching the kernel that adds up rows by adjacent pairs. */
final class SumKernel implements AutoCloseable {

    /** What a thread block adds up at a time. */
    private static final long PIECE_ELEMENTS = 4L * PANOPTIM_BLOCK();

    /** Pieces of a launch. */
    private static final int MOST_PIECES = 4096;

    private static final long BYTES = panoptim_team_sum.sizeof();

    private final DeviceContext context;
    private final CudaKernels.Kernel kernel;
    private final Arena arena = Arena.ofShared();
    private final MemorySegment table = panoptim_team_sum.allocateArray(MOST_PIECES, arena);
    private final MemorySegment argument = panoptim_team_sums.allocate(arena);
    private final Uploads uploads;
    private final long memory;

    /**
     * Elements of an array on the device.
     *
     * @param address of the first
     */
    record Elements(long address, DType type) {

        static Elements of(SharedArray array) {
            return new Elements(array.memory().address(), array.type());
        }

        Elements from(long element) {
            return new Elements(address + element * type.byteSize(), type);
        }
    }

    /**
     * Rows to be added up.
     *
     * @param to where the sum is left
     * @param own the row that lies elsewhere than the others
     * @param rows the first row, whether or not it is the own one
     * @param stride bytes from a row to the next
     * @param elements of a row
     */
    record Rows(Elements to, Elements own, Elements rows, long stride, long elements) {}

    SumKernel(DeviceContext context) {
        this.context = context;
        var cleanup = new Cleanup();
        cleanup.add(arena::close);
        try {
            kernel = context.kernels().sumRows();
            uploads = cleanup.keep(new Uploads(context.device(), MOST_PIECES * BYTES));
            memory = DeviceSlab.allocate(context, MOST_PIECES * BYTES);
        } catch (RuntimeException | Error e) {
            cleanup.runAfter(e);
            throw e;
        }
    }

    /**
     * Adds up.
     *
     * @param count of rows, a power of two
     * @param own which of them lies elsewhere
     * @param factor multiplies every sum
     * @param zeroOwn whether zeros are left in the own row
     */
    void run(List<Rows> all, int count, int own, float factor, boolean zeroOwn) {
        panoptim_team_sums.rows(argument, count);
        panoptim_team_sums.own(argument, own);
        panoptim_team_sums.factor(argument, factor);
        panoptim_team_sums.zero_own(argument, zeroOwn ? 1 : 0);
        int pieces = 0;
        for (var rows : all) {
            for (long from = 0; from < rows.elements(); from += PIECE_ELEMENTS) {
                write(panoptim_team_sum.asSlice(table, pieces++), rows, from);
                if (pieces == MOST_PIECES) {
                    launch(pieces);
                    pieces = 0;
                }
            }
        }
        launch(pieces);
    }

    private static void write(MemorySegment piece, Rows rows, long from) {
        var to = rows.to().from(from);
        var own = rows.own().from(from);
        var others = rows.rows().from(from);
        pointer(piece, panoptim_team_sum.to$offset(), to.address());
        pointer(piece, panoptim_team_sum.own$offset(), own.address());
        pointer(piece, panoptim_team_sum.rows$offset(), others.address());
        panoptim_team_sum.stride(piece, rows.stride());
        panoptim_team_sum.elements(piece, Math.min(PIECE_ELEMENTS, rows.elements() - from));
        panoptim_team_sum.to_type(piece, type(to.type()));
        panoptim_team_sum.own_type(piece, type(own.type()));
        panoptim_team_sum.rows_type(piece, type(others.type()));
    }

    private static int type(DType type) {
        return type == DType.BF16 ? PANOPTIM_BF16() : PANOPTIM_F32();
    }

    private void launch(int pieces) {
        if (pieces == 0) {
            return;
        }
        uploads.send(memory, table.asSlice(0, pieces * BYTES), context.stream());
        pointer(argument, panoptim_team_sums.sums$offset(), memory);
        panoptim_team_sums.count(argument, pieces);
        context.driver()
                .launch(
                        kernel.function(),
                        kernel.name(),
                        kernel.blocksFor(pieces),
                        kernel.threads(),
                        0,
                        context.stream(),
                        argument);
    }

    /** Frees the table; the stream's work must be done. */
    @Override
    public void close() {
        Cleanup.all(
                uploads::close,
                () -> context.driver().free(memory, context.stream()),
                arena::close);
    }
}
