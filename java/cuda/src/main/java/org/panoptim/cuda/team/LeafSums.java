package org.panoptim.cuda.team;

import org.panoptim.cuda.device.DeviceContext;
import org.panoptim.cuda.device.DeviceSlab;
import org.panoptim.cuda.team.SumKernel.Elements;
import org.panoptim.cuda.team.SumKernel.Rows;
import org.panoptim.parameter.Parameter;
import org.panoptim.spi.Cleanup;
import org.panoptim.tensor.DType;

import java.util.ArrayList;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;

/**
 * The gradients of a member's micro-batches, added up by adjacent pairs as they come: a leaf is
 * added to the one before it, two leaves to the two before them, and so on, so that at most one sum
 * of each size waits.
 */
final class LeafSums implements AutoCloseable {

    private final DeviceContext context;
    private final SumKernel kernel;

    /** The sums that wait for others of their size, of 2ⁱ leaves each; floats. */
    private final List<Map<Parameter, Elements>> waiting = new ArrayList<>();

    private final List<Long> slabs = new ArrayList<>();
    private int count;
    private List<Parameter> parameters = List.of();

    LeafSums(DeviceContext context, SumKernel kernel) {
        this.context = context;
        this.kernel = kernel;
    }

    int count() {
        return count;
    }

    /** The parameters that had a gradient in the first leaf. */
    List<Parameter> parameters() {
        return parameters;
    }

    /** Takes up a leaf, and leaves zeros in the gradients. */
    void add(List<Parameter> present) {
        int carries = Integer.numberOfTrailingZeros(~count);
        while (waiting.size() <= carries) {
            waiting.add(new IdentityHashMap<>());
        }
        allocate(carries, present);
        Function<Parameter, Elements> sum = waiting.get(carries)::get;
        // The gradient goes into the first sum, so that it need not be copied before.
        add(present, Math.min(carries, 1), 0, sum, LeafSums::gradient, true);
        for (int level = 1; level < carries; level++) {
            add(present, 1, level, sum, sum, false);
        }
        if (count == 0) {
            parameters = List.copyOf(present);
        }
        count++;
    }

    /**
     * Adds the sum that waits at a level to a later one.
     *
     * @param earlier how many are added; 0: the later one is taken as it is
     */
    private void add(
            List<Parameter> present,
            int earlier,
            int level,
            Function<Parameter, Elements> to,
            Function<Parameter, Elements> later,
            boolean zero) {
        var rows = new ArrayList<Rows>();
        for (var parameter : present) {
            var own = later.apply(parameter);
            var first = earlier == 0 ? own : waiting.get(level).get(parameter);
            rows.add(new Rows(to.apply(parameter), own, first, 0, parameter.elements()));
        }
        kernel.run(rows, earlier + 1, earlier, 1, zero);
    }

    /** A parameter's gradient. */
    static Elements gradient(Parameter parameter) {
        return new Elements(parameter.gradient().orElseThrow().address(), parameter.dtype());
    }

    /** The sum of all, once they are a power of two. */
    Elements sum(Parameter parameter) {
        return waiting.get(Integer.numberOfTrailingZeros(count)).get(parameter);
    }

    private void allocate(int level, List<Parameter> present) {
        var places = waiting.get(level);
        var missing = present.stream().filter(each -> !places.containsKey(each)).toList();
        if (missing.isEmpty()) {
            return;
        }
        long bytes = missing.stream().mapToLong(LeafSums::bytes).sum();
        long address = DeviceSlab.allocate(context, bytes);
        slabs.add(address);
        for (var parameter : missing) {
            places.put(parameter, new Elements(address, DType.F32));
            address += bytes(parameter);
        }
    }

    private static long bytes(Parameter parameter) {
        return DeviceSlab.aligned(parameter.elements() * Float.BYTES);
    }

    /** Begins anew. */
    void clear() {
        count = 0;
        parameters = List.of();
    }

    @Override
    public void close() {
        var driver = context.driver();
        Cleanup.all(
                slabs.stream()
                        .<Runnable>map(slab -> () -> driver.free(slab, context.stream()))
                        .toArray(Runnable[]::new));
    }
}
