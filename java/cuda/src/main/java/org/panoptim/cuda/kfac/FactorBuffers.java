package org.panoptim.cuda.kfac;

import org.panoptim.abi.bindings.PanoptimKfac;
import org.panoptim.abi.bindings.panoptim_kfac_factor;
import org.panoptim.cuda.device.DeviceContext;
import org.panoptim.cuda.device.DeviceSlab;
import org.panoptim.cuda.device.DeviceState;
import org.panoptim.kfac.engine.KroneckerPlan;
import org.panoptim.spi.Cleanup;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.IntPredicate;

/**
 * The factors' matrices on the device, and the table of where they lie.
 *
 * <p>A factor has three matrices: two that are its average and what is pending by turns, and its
 * inverse. The inverses of layers of equal shape follow each other, so that one call of cuBLAS can
 * serve them all. Of layers that another member of a team owns, there is what is pending alone.
 */
final class FactorBuffers implements AutoCloseable {

    private final DeviceContext context;
    private final long matrices;
    private final long table;
    private final long[][] buffers;
    private final long[] inverses;
    private final List<ShapeGroup> groups = new ArrayList<>();

    /**
     * Layers of equal shape.
     *
     * @param layers their numbers, in the order in which their matrices lie
     * @param columns the size of the factor of inputs
     * @param inputs the address of the first one's inverse of the factor of inputs
     * @param outputs likewise of output gradients
     */
    record ShapeGroup(List<Integer> layers, int rows, int columns, long inputs, long outputs) {}

    /** Assigns offsets within a slab that is allocated later. */
    private static final class SlabOffsets {
        private long bytes;

        long take(long size) {
            long start = bytes;
            bytes += DeviceSlab.aligned(size);
            return start;
        }
    }

    private record Shape(int rows, int columns) {}

    /**
     * Allocates them, all zero.
     *
     * @param owned which layers are not another member's of a team
     */
    FactorBuffers(DeviceContext context, KroneckerPlan plan, IntPredicate owned) {
        this.context = context;
        int factors = plan.factors();
        buffers = new long[factors][2];
        inverses = new long[factors];
        var traces = new long[factors];
        var slab = new SlabOffsets();
        for (int i = 0; i < factors; i++) {
            long bytes = bytes(plan.size(i));
            buffers[i][0] = slab.take(bytes);
            buffers[i][1] = owned.test(i / 2) ? slab.take(bytes) : buffers[i][0];
            traces[i] = slab.take((long) Double.BYTES * tiles(plan.size(i)));
        }
        var offsets = new ArrayList<long[]>();
        var shapes = shapes(plan, owned);
        for (var shape : shapes.entrySet()) {
            var members = shape.getValue();
            long inputs = slab.take(bytes(shape.getKey().columns) * members.size());
            long outputs = slab.take(bytes(shape.getKey().rows) * members.size());
            for (int i = 0; i < members.size(); i++) {
                inverses[2 * members.get(i)] = inputs + bytes(shape.getKey().columns) * i;
                inverses[2 * members.get(i) + 1] = outputs + bytes(shape.getKey().rows) * i;
            }
            offsets.add(new long[] {inputs, outputs});
        }
        matrices = DeviceSlab.allocate(context, slab.bytes);
        int next = 0;
        for (var shape : shapes.entrySet()) {
            var offset = offsets.get(next++);
            groups.add(
                    new ShapeGroup(
                            List.copyOf(shape.getValue()),
                            shape.getKey().rows,
                            shape.getKey().columns,
                            matrices + offset[0],
                            matrices + offset[1]));
        }
        for (int i = 0; i < factors; i++) {
            buffers[i][0] += matrices;
            buffers[i][1] += matrices;
            inverses[i] = owned.test(i / 2) ? inverses[i] + matrices : 0;
            traces[i] += matrices;
        }
        try {
            table = DeviceSlab.allocate(context, panoptim_kfac_factor.sizeof() * factors);
        } catch (RuntimeException | Error e) {
            Cleanup.after(e, () -> context.driver().free(matrices, context.stream()));
            throw e;
        }
        try {
            writeTable(plan, traces);
        } catch (RuntimeException | Error e) {
            Cleanup.after(e, this::close);
            throw e;
        }
    }

    private static Map<Shape, List<Integer>> shapes(KroneckerPlan plan, IntPredicate owned) {
        var shapes = new LinkedHashMap<Shape, List<Integer>>();
        for (int i = 0; i < plan.layers().size(); i++) {
            if (!owned.test(i)) {
                continue;
            }
            var layer = plan.layers().get(i);
            shapes.computeIfAbsent(
                            new Shape(layer.outputs(), layer.inputFactor()), _ -> new ArrayList<>())
                    .add(i);
        }
        return shapes;
    }

    private void writeTable(KroneckerPlan plan, long[] traces) {
        try (var arena = Arena.ofConfined()) {
            var rows = panoptim_kfac_factor.allocateArray(plan.factors(), arena);
            for (int i = 0; i < plan.factors(); i++) {
                var row = panoptim_kfac_factor.asSlice(rows, i);
                panoptim_kfac_factor.buffers(row, 0, MemorySegment.ofAddress(buffers[i][0]));
                panoptim_kfac_factor.buffers(row, 1, MemorySegment.ofAddress(buffers[i][1]));
                panoptim_kfac_factor.inverse(row, MemorySegment.ofAddress(inverses[i]));
                panoptim_kfac_factor.traces(row, MemorySegment.ofAddress(traces[i]));
                panoptim_kfac_factor.size(row, plan.size(i));
                panoptim_kfac_factor.layer(row, i / 2);
            }
            DeviceState.write(context, table, rows);
        }
    }

    /** The bytes of a factor of that size. */
    static long bytes(int size) {
        return (long) Float.BYTES * size * size;
    }

    /** The tiles that cover a side of that size. */
    static int tiles(int size) {
        return Math.ceilDiv(size, PanoptimKfac.PANOPTIM_KFAC_TILE());
    }

    /** The device address of the table. */
    long table() {
        return table;
    }

    /** The device address of a factor's row of the table. */
    long table(int factor) {
        return table + panoptim_kfac_factor.sizeof() * factor;
    }

    /** The address of one of a factor's two buffers. */
    long buffer(int factor, int which) {
        return buffers[factor][which];
    }

    /** The address of a factor's inverse. */
    long inverse(int factor) {
        return inverses[factor];
    }

    /** Takes up what other buffers have of the layers that are owned here. */
    void copyFrom(FactorBuffers all, KroneckerPlan plan) {
        for (int i = 0; i < plan.factors(); i++) {
            if (inverses[i] != 0) {
                long bytes = bytes(plan.size(i));
                copy(buffers[i][0], all.buffers[i][0], bytes);
                copy(buffers[i][1], all.buffers[i][1], bytes);
                copy(inverses[i], all.inverses[i], bytes);
            }
        }
    }

    private void copy(long to, long from, long bytes) {
        context.driver().copyOnDevice(to, from, bytes, context.stream());
    }

    /** The layers of each shape, of those that are owned. */
    List<ShapeGroup> groups() {
        return groups;
    }

    @Override
    public void close() {
        var driver = context.driver();
        Cleanup.all(
                () -> driver.free(table, context.stream()),
                () -> driver.free(matrices, context.stream()));
    }
}
