package org.panoptim.internal.shard;

import org.panoptim.memory.FloatView;
import org.panoptim.parameter.Parameter;
import org.panoptim.tensor.DType;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Function;

/**
 * Arrays of a member's micro-batches, gradients for example, added up by adjacent pairs as they
 * come: a leaf is added to the one before it, two leaves to the two before them, and so on, so that
 * at most one sum of each size waits.
 */
final class Leaves implements AutoCloseable {

    private final Arena arena = Arena.ofShared();

    /** The sums that wait for others of their size, of 2ⁱ leaves each; floats. */
    private final List<Map<Parameter, MemorySegment>> waiting = new ArrayList<>();

    private int count;
    private List<Parameter> parameters = List.of();
    private final Set<Parameter> present = new HashSet<>();

    /** How many have come. */
    int count() {
        return count;
    }

    /** The parameters that had an array in the first of them. */
    List<Parameter> parameters() {
        return parameters;
    }

    /** Whether a parameter had an array in the first of them. */
    boolean has(Parameter parameter) {
        return present.contains(parameter);
    }

    /**
     * Takes up a leaf.
     *
     * @param found the parameters that have an array in it
     * @param array of a parameter, which is read
     */
    void add(List<Parameter> found, Function<Parameter, FloatView> array) {
        if (count == 0) {
            parameters = List.copyOf(found);
            present.addAll(found);
        }
        found.forEach(parameter -> take(parameter, array.apply(parameter)));
        count++;
    }

    /**
     * Takes up a parameter's array of the coming leaf alone, which is not counted.
     *
     * @param leaf is read
     */
    void take(Parameter parameter, FloatView leaf) {
        int carries = Integer.numberOfTrailingZeros(~count);
        var sum = place(carries, parameter);
        widen(leaf, sum);
        for (int level = 0; level < carries; level++) {
            TreeSum.add(place(level, parameter), sum);
        }
    }

    /** The sum of all, once they are a power of two. */
    FloatView sum(Parameter parameter) {
        return sum(parameter, count);
    }

    /** Where the sum of leaves is, or will be once they are there: so many, a power of two. */
    FloatView sum(Parameter parameter, int leaves) {
        int level = Integer.numberOfTrailingZeros(leaves);
        return new FloatView(place(level, parameter), DType.F32);
    }

    private MemorySegment place(int level, Parameter parameter) {
        while (waiting.size() <= level) {
            waiting.add(new IdentityHashMap<>());
        }
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
        present.clear();
    }

    @Override
    public void close() {
        arena.close();
    }
}
