package org.panoptim.internal.shard;

import org.panoptim.memory.FloatView;
import org.panoptim.parameter.Parameter;
import org.panoptim.tensor.DType;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;

/**
 * The gradients of a member's micro-batches, added up by adjacent pairs as they come: a leaf is
 * added to the one before it, two leaves to the two before them, and so on, so that at most one sum
 * of each size waits.
 */
final class Leaves implements AutoCloseable {

    private final Arena arena = Arena.ofShared();

    /** The sums that wait for others of their size, of 2ⁱ leaves each; floats. */
    private final List<Map<Parameter, MemorySegment>> waiting = new ArrayList<>();

    private int count;
    private List<Parameter> parameters = List.of();

    /** How many have come. */
    int count() {
        return count;
    }

    /** The parameters that had a gradient in the first of them. */
    List<Parameter> parameters() {
        return parameters;
    }

    /** Takes up a leaf, and leaves zeros in the gradients. */
    void add(List<Parameter> present) {
        if (count == 0) {
            parameters = List.copyOf(present);
        }
        int carries = Integer.numberOfTrailingZeros(~count);
        while (waiting.size() <= carries) {
            waiting.add(new IdentityHashMap<>());
        }
        for (var parameter : present) {
            var gradient = FloatView.of(parameter.gradient().orElseThrow(), parameter.dtype());
            var sum = place(carries, parameter);
            widen(gradient, sum);
            for (int level = 0; level < carries; level++) {
                TreeSum.add(place(level, parameter), sum);
            }
            gradient.memory().fill((byte) 0);
        }
        count++;
    }

    /** The sum of all, once they are a power of two. */
    FloatView sum(Parameter parameter) {
        int level = Integer.numberOfTrailingZeros(count);
        return new FloatView(place(level, parameter), DType.F32);
    }

    private MemorySegment place(int level, Parameter parameter) {
        return waiting.get(level)
                .computeIfAbsent(
                        parameter, each -> arena.allocate(each.elements() * Float.BYTES, 64));
    }

    private static void widen(FloatView from, MemorySegment floats) {
        if (from.type() == DType.F32) {
            floats.copyFrom(from.memory());
            return;
        }
        for (long i = 0; i < from.elements(); i++) {
            floats.setAtIndex(ValueLayout.JAVA_FLOAT, i, from.get(i));
        }
    }

    /** Begins anew. */
    void clear() {
        count = 0;
        parameters = List.of();
    }

    @Override
    public void close() {
        arena.close();
    }
}
