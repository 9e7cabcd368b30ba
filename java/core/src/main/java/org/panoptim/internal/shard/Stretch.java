package org.panoptim.internal.shard;

import org.panoptim.memory.FloatView;
import org.panoptim.parameter.Parameter;
import org.panoptim.spi.Shares;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;

/**
 * Elements of an array, from one on to before another: what a member owns of it.
 *
 * @param array the whole array
 * @param from the first element
 * @param to the one after the last
 */
record Stretch(FloatView array, long from, long to) {

    long elements() {
        return to - from;
    }

    /**
     * What a member owns, in the order of the parameters.
     *
     * @param array of a parameter
     */
    static List<Stretch> of(
            Shares shares,
            int member,
            List<Parameter> parameters,
            Function<Parameter, FloatView> array) {
        var found = new ArrayList<Stretch>();
        for (var parameter : parameters) {
            long from = shares.begin(parameter, member);
            long to = shares.begin(parameter, member + 1);
            if (to > from) {
                found.add(new Stretch(array.apply(parameter), from, to));
            }
        }
        return found;
    }

    /** A piece of a stretch that lies at a place in a buffer. */
    interface Piece {
        void visit(FloatView array, long from, long elements, long place);
    }

    /** Goes over so many elements of stretches that lie one after another, from one on. */
    static void visit(List<Stretch> stretches, long first, long count, Piece piece) {
        long begin = 0;
        long end = first + count;
        for (var stretch : stretches) {
            long from = Math.max(first, begin);
            long to = Math.min(end, begin + stretch.elements());
            if (from < to) {
                piece.visit(stretch.array, stretch.from + from - begin, to - from, from - first);
            }
            begin += stretch.elements();
        }
    }

    static long elements(List<Stretch> stretches) {
        return stretches.stream().mapToLong(Stretch::elements).sum();
    }

    /** Copies elements as floats to a place of a buffer. */
    static void copyOut(
            FloatView array, long from, long elements, MemorySegment floats, long place) {
        switch (array.type()) {
            case F32 ->
                    MemorySegment.copy(
                            array.memory(),
                            from * Float.BYTES,
                            floats,
                            place * Float.BYTES,
                            elements * Float.BYTES);
            default -> {
                for (long i = 0; i < elements; i++) {
                    floats.setAtIndex(ValueLayout.JAVA_FLOAT, place + i, array.get(from + i));
                }
            }
        }
    }
}
