package org.panoptim.cuda.kfac;

import static org.panoptim.abi.bindings.PanoptimKfac.PANOPTIM_KFAC_FACTORISE;
import static org.panoptim.abi.bindings.PanoptimKfac.PANOPTIM_KFAC_INVERT;
import static org.panoptim.abi.bindings.PanoptimKfac.PANOPTIM_KFAC_MULTIPLY;

import org.panoptim.abi.bindings.panoptim_kfac_task;
import org.panoptim.cuda.device.DeviceContext;
import org.panoptim.kfac.engine.Inversion;
import org.panoptim.matrix.InversionMethod;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;

/**
 * Inverts factors from their Cholesky factorisations: one launch for each precision, and one for
 * all that are small enough for the shared memory of a thread block.
 */
final class FactorInverter {

    private static final int THREADS = 256;

    private FactorInverter() {}

    /**
     * Work on a tile.
     *
     * @param remaining the longest chain of tasks that wait for it, itself included
     */
    private record Task(int matrix, int kind, int row, int column, int remaining) {}

    /** Computes candidates, of small matrices in shared memory and of others by the queue. */
    static void run(DeviceContext context, InversionTables matrices, List<Inversion> inversions) {
        var small = SmallInverter.choose(context, matrices, inversions);
        SmallInverter.run(context, matrices, small);
        var queued = new ArrayList<Integer>();
        for (int i = 0; i < inversions.size(); i++) {
            if (!small.contains(i)) {
                queued.add(i);
            }
        }
        run(context, matrices, inversions, queued, false);
        run(context, matrices, inversions, queued, true);
    }

    /**
     * Computes candidates by the queue.
     *
     * @param matrices the matrices, one for each inversion, whose candidates and statuses it sets
     * @param queued which of them are for the queue
     * @param doublePrecision the inversions of which precision are computed
     */
    private static void run(
            DeviceContext context,
            InversionTables matrices,
            List<Inversion> inversions,
            List<Integer> queued,
            boolean doublePrecision) {
        var tasks = new ArrayList<Task>();
        for (int i : queued) {
            if (inversions.get(i).method() instanceof InversionMethod.Cholesky(var precise)
                    && precise == doublePrecision) {
                addTasks(tasks, i, matrices.side(i));
            }
        }
        if (tasks.isEmpty()) {
            return;
        }
        // The longest way first. Of two tasks of a matrix, what one waits for has the longer way,
        // so each comes behind all that it waits for.
        tasks.sort(Comparator.comparingInt(Task::remaining).reversed());
        var kernel =
                context.kernels().kronecker(doublePrecision ? "invert_f64" : "invert_f32", THREADS);
        matrices.enqueue(kernel, doublePrecision ? 1 : 0, tasks.size(), rows -> write(tasks, rows));
    }

    private static void write(List<Task> tasks, MemorySegment rows) {
        for (int i = 0; i < tasks.size(); i++) {
            var task = tasks.get(i);
            var row = panoptim_kfac_task.asSlice(rows, i);
            panoptim_kfac_task.matrix(row, task.matrix);
            panoptim_kfac_task.kind(row, task.kind);
            panoptim_kfac_task.row(row, task.row);
            panoptim_kfac_task.column(row, task.column);
        }
    }

    private static void addTasks(List<Task> tasks, int matrix, int side) {
        // Each waits for tasks of lower levels only.
        int levels = 3 * side + 1;
        for (int column = 0; column < side; column++) {
            for (int row = column; row < side; row++) {
                int factorised = 2 * column + (row == column ? 0 : 1);
                tasks.add(
                        new Task(
                                matrix,
                                PANOPTIM_KFAC_FACTORISE(),
                                row,
                                column,
                                levels - factorised));
                if (row > column) {
                    int inverted = 2 * side + row;
                    tasks.add(
                            new Task(
                                    matrix,
                                    PANOPTIM_KFAC_INVERT(),
                                    row,
                                    column,
                                    levels - inverted));
                }
                tasks.add(new Task(matrix, PANOPTIM_KFAC_MULTIPLY(), row, column, 0));
            }
        }
    }
}
