package org.panoptim.internal.shard;

import org.panoptim.memory.FloatView;
import org.panoptim.parameter.Parameter;
import org.panoptim.spi.Shares;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;

/**
 * Elements of an array, from one on to before another.
 *
 * @param parameter whose array it is
 * @param array the whole array
 * @param from the first element
 * @param to the one after the last
 */
record Stretch(Parameter parameter, FloatView array, long from, long to) {

    long elements() {
        return to - from;
    }

    long bytes() {
        return elements() * array.type().byteSize();
    }

    /** The memory of these elements alone. */
    MemorySegment memory() {
        return array.memory().asSlice(from * array.type().byteSize(), bytes());
    }

    FloatView view() {
        return new FloatView(memory(), array.type());
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
                found.add(new Stretch(parameter, array.apply(parameter), from, to));
            }
        }
        return found;
    }

    /**
     * Cuts stretches into buckets. Where arrays have elements of the same sizes, the cuts are the
     * same.
     *
     * @param elements of a bucket, at most
     */
    static List<List<Stretch>> buckets(List<Stretch> stretches, long elements) {
        var buckets = new ArrayList<List<Stretch>>();
        var bucket = new ArrayList<Stretch>();
        long room = elements;
        for (var stretch : stretches) {
            long from = stretch.from;
            while (from < stretch.to) {
                if (room == 0) {
                    buckets.add(bucket);
                    bucket = new ArrayList<>();
                    room = elements;
                }
                long to = Math.min(stretch.to, from + room);
                bucket.add(new Stretch(stretch.parameter, stretch.array, from, to));
                room -= to - from;
                from = to;
            }
        }
        if (!bucket.isEmpty()) {
            buckets.add(bucket);
        }
        return buckets;
    }
}
