package org.panoptim.internal.shard;

import org.panoptim.memory.FloatView;
import org.panoptim.parameter.Parameter;
import org.panoptim.shard.Team;
import org.panoptim.shard.Transfer;
import org.panoptim.spi.Shares;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.Consumer;
import java.util.function.Function;

/**
 * Brings gradients to their owners, who add them up: every member's by adjacent pairs, in float32,
 * and then divided by the number of leaves. The owner's part of the array has the mean afterwards;
 * the other parts are as they were.
 *
 * <p>They go in buckets: while one is under way, the one before it is added up. The last parameters
 * go first, whose gradients a backward pass makes first.
 */
final class GradientExchange implements AutoCloseable {

    /** How many buckets are under way at once. */
    private static final int AT_ONCE = 2;

    private final Arena arena = Arena.ofShared();
    private final Team team;

    /** How many elements a member sends each other one at a time, at most. */
    private final long elements;

    private final TreeSum sum;

    /** For what is received: a row for each other member; buckets take turns. */
    private final MemorySegment[] rows = new MemorySegment[AT_ONCE];

    /** For small stretches that are sent together. */
    private final MemorySegment[] packed = new MemorySegment[AT_ONCE];

    GradientExchange(Team team) {
        this(team, Shares.atATime(team.size()));
    }

    /**
     * @param elements how many a member sends each other one at a time, at most
     */
    GradientExchange(Team team, long elements) {
        this.team = team;
        this.elements = elements;
        sum = new TreeSum(team.size());
        Arrays.fill(rows, MemorySegment.NULL);
        Arrays.fill(packed, MemorySegment.NULL);
    }

    /**
     * A bucket that is under way.
     *
     * @param own what this member has of its own part
     * @param sums where it has the means
     * @param rows what the others have of it, member after member
     */
    private record Bucket(
            Transfer transfer, List<Stretch> own, List<Stretch> sums, MemorySegment rows) {}

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
        run(shares, parameters, from, to, leaves, _ -> {});
    }

    /**
     * The same, of arrays that are still being made.
     *
     * @param awaited called before a bucket leaves, with each parameter that it has something of;
     *     returns once this member's array is complete
     */
    void run(
            Shares shares,
            List<Parameter> parameters,
            Function<Parameter, FloatView> from,
            Function<Parameter, FloatView> to,
            int leaves,
            Consumer<Parameter> awaited) {
        var order = parameters.reversed();
        var sources = new ArrayList<List<List<Stretch>>>();
        for (int member = 0; member < team.size(); member++) {
            sources.add(Stretch.buckets(Stretch.of(shares, member, order, from), elements));
        }
        var sums = Stretch.buckets(Stretch.of(shares, team.rank(), order, to), elements);
        int count = sources.stream().mapToInt(List::size).max().orElse(0);
        var underWay = new ArrayDeque<Bucket>();
        try {
            for (int i = 0; i < count + AT_ONCE - 1; i++) {
                if (i < count) {
                    for (var ofMember : sources) {
                        bucket(ofMember, i).forEach(each -> awaited.accept(each.parameter()));
                    }
                    underWay.add(begin(sources, sums, i));
                }
                if (i >= AT_ONCE - 1) {
                    var bucket = underWay.element();
                    bucket.transfer.await();
                    underWay.remove();
                    add(bucket, 1f / leaves);
                }
            }
        } catch (RuntimeException | Error e) {
            awaitQuietly(underWay);
            throw e;
        }
    }

    private Bucket begin(List<List<List<Stretch>>> sources, List<List<Stretch>> sums, int i) {
        var own = bucket(sources.get(team.rank()), i);
        var messages = new ArrayList<List<Message>>();
        long copied = 0;
        for (int member = 0; member < team.size(); member++) {
            var found =
                    Message.of(member == team.rank() ? List.of() : bucket(sources.get(member), i));
            messages.add(found);
            copied += Message.copiedBytes(found);
        }
        var buffer = ensure(packed, i, copied);
        var sent = new ArrayList<List<MemorySegment>>();
        long at = 0;
        for (var found : messages) {
            var places = Message.places(found, buffer.asSlice(at));
            for (int j = 0; j < places.size(); j++) {
                found.get(j).copyTo(places.get(j));
            }
            sent.add(places);
            at += Message.copiedBytes(found);
        }
        long row = own.stream().mapToLong(Stretch::bytes).sum();
        var received = ensure(rows, i, row * (team.size() - 1));
        return new Bucket(team.begin(sent, parts(own, received)), own, bucket(sums, i), received);
    }

    private static List<Stretch> bucket(List<List<Stretch>> buckets, int i) {
        return i < buckets.size() ? buckets.get(i) : List.of();
    }

    /** Where messages of others are received: one after another, member after member. */
    private List<List<MemorySegment>> parts(List<Stretch> own, MemorySegment rows) {
        var messages = Message.of(own);
        var parts = new ArrayList<List<MemorySegment>>();
        long at = 0;
        for (int member = 0; member < team.size(); member++) {
            var ofMember = new ArrayList<MemorySegment>();
            if (member != team.rank()) {
                for (var message : messages) {
                    ofMember.add(rows.asSlice(at, message.bytes()));
                    at += message.bytes();
                }
            }
            parts.add(ofMember);
        }
        return parts;
    }

    private void add(Bucket bucket, float weight) {
        long row = bucket.own.stream().mapToLong(Stretch::bytes).sum();
        long at = 0;
        for (int j = 0; j < bucket.own.size(); j++) {
            var own = bucket.own.get(j);
            var addends = new ArrayList<FloatView>();
            long first = at;
            for (int member = 0; member < team.size(); member++) {
                if (member == team.rank()) {
                    addends.add(own.view());
                } else {
                    addends.add(
                            new FloatView(
                                    bucket.rows.asSlice(first, own.bytes()), own.array().type()));
                    first += row;
                }
            }
            var target = bucket.sums.get(j).view();
            if (!isDone(addends, weight, target)) {
                sum.run(addends, weight, target);
            }
            at += own.bytes();
        }
    }

    /** Whether it is the mean already: one member's only leaf, where it is to be. */
    private static boolean isDone(List<FloatView> addends, float weight, FloatView target) {
        return addends.size() == 1
                && weight == 1
                && addends.getFirst().memory().address() == target.memory().address();
    }

    /** What is under way writes into memory that is about to be freed. */
    private static void awaitQuietly(Iterable<Bucket> underWay) {
        for (var bucket : underWay) {
            try {
                bucket.transfer.await();
            } catch (RuntimeException e) {
                // The first failure is the one to tell.
            }
        }
    }

    private MemorySegment ensure(MemorySegment[] buffers, int bucket, long bytes) {
        int turn = bucket % AT_ONCE;
        if (bytes > buffers[turn].byteSize()) {
            buffers[turn] = arena.allocate(bytes, 64);
        }
        return buffers[turn];
    }

    @Override
    public void close() {
        arena.close();
    }
}
