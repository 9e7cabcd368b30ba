package org.panoptim.internal.shard;

import org.panoptim.memory.FloatView;
import org.panoptim.parameter.Parameter;
import org.panoptim.shard.Team;
import org.panoptim.spi.Shares;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.Function;

/**
 * Brings gradients to their owners, who add them up: every member's by adjacent pairs, in float32,
 * and then divided by the number of leaves. The owner's part of the array has the mean afterwards;
 * the other parts are as they were.
 */
final class GradientExchange implements AutoCloseable {

    /** What a member sends at a time: so much memory is needed twice. */
    private static final long BUCKET_BYTES = 32L << 20;

    private final Arena arena = Arena.ofShared();
    private final Team team;
    private final long bucketBytes;
    private MemorySegment sent = MemorySegment.NULL;
    private MemorySegment received = MemorySegment.NULL;

    GradientExchange(Team team) {
        this(team, BUCKET_BYTES);
    }

    /**
     * @param bucketBytes what a member sends at a time
     */
    GradientExchange(Team team, long bucketBytes) {
        this.team = team;
        this.bucketBytes = bucketBytes;
    }

    /**
     * Means over leaves.
     *
     * @param from what this member has of a parameter: the sum of its leaves
     * @param to where the owner has the mean
     * @param leaves of all members
     */
    void run(
            Shares shares,
            List<Parameter> parameters,
            Function<Parameter, FloatView> from,
            Function<Parameter, FloatView> to,
            int leaves) {
        int members = team.size();
        var sources = new ArrayList<List<Stretch>>();
        for (int member = 0; member < members; member++) {
            sources.add(Stretch.of(shares, member, parameters, from));
        }
        var own = Stretch.of(shares, team.rank(), parameters, to);
        long ownElements = Stretch.elements(own);
        long longest = sources.stream().mapToLong(Stretch::elements).max().orElse(0);
        long slice = Math.max(1, Math.min(longest, bucketBytes / Float.BYTES / members));
        ensure(slice * members * Float.BYTES);
        float weight = 1f / leaves;
        for (long first = 0; first < longest; first += slice) {
            var sentBytes = new long[members];
            long place = 0;
            for (int member = 0; member < members; member++) {
                long count = count(Stretch.elements(sources.get(member)), first, slice);
                pack(sources.get(member), first, count, place);
                sentBytes[member] = count * Float.BYTES;
                place += count;
            }
            long count = count(ownElements, first, slice);
            var receivedBytes = new long[members];
            Arrays.fill(receivedBytes, count * Float.BYTES);
            team.exchange(sent, sentBytes, received, receivedBytes);
            TreeSum.join(received, members, count);
            Stretch.visit(
                    own,
                    first,
                    count,
                    (array, begin, elements, at) -> {
                        for (long i = 0; i < elements; i++) {
                            float sum = received.getAtIndex(ValueLayout.JAVA_FLOAT, at + i);
                            array.set(begin + i, sum * weight);
                        }
                    });
        }
    }

    private static long count(long elements, long first, long slice) {
        return Math.clamp(elements - first, 0, slice);
    }

    private void pack(List<Stretch> stretches, long first, long count, long place) {
        Stretch.visit(
                stretches,
                first,
                count,
                (array, from, elements, at) ->
                        Stretch.copyOut(array, from, elements, sent, place + at));
    }

    private void ensure(long bytes) {
        if (bytes > sent.byteSize()) {
            sent = arena.allocate(bytes, 64);
            received = arena.allocate(bytes, 64);
        }
    }

    @Override
    public void close() {
        arena.close();
    }
}
