package org.panoptim.shard;

import org.panoptim.internal.Arguments;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.Optional;

/**
 * Members that take one step together: processes, devices, or threads of one process. All members
 * call the same methods in the same order, each from one thread at a time; a call returns when this
 * member has what it waits for. Where an order of its own is wanted, a {@link #channel} has one.
 *
 * <p>Nothing is computed on the way: what arrives has the bits of what was sent.
 *
 * <p>A team ends for all members at once, when one of them is gone, {@linkplain #abort gives up} or
 * does not come in time: every call that waits then, and every later one, throws a {@link
 * TeamException} with the same reason.
 */
public interface Team {

    /** This member's number, from 0 on. */
    int rank();

    /** How many members there are. */
    int size();

    /**
     * Begins to send every member what is for it, and to receive what each has for this one. Some
     * may be under way at once; all members begin them in the same order.
     *
     * @param sent for each member, in the order of the members, pieces of native memory; this
     *     member's list is empty. They are left alone until the transfer is over.
     * @param received from each member, pieces that overlap neither each other nor those sent; as
     *     many, of the same sizes and in the same order as that member sends. What they hold is
     *     undefined until the transfer is over.
     * @return what is under way; to be awaited
     * @throws TeamException if the team has ended
     */
    Transfer begin(List<List<MemorySegment>> sent, List<List<MemorySegment>> received);

    /**
     * Sends every member what is for it, and receives what each has for this one: {@link #begin},
     * and the wait for its end.
     *
     * @throws TeamException if another member failed, is gone or did not answer in time; what was
     *     received is then undefined
     */
    default void exchange(List<List<MemorySegment>> sent, List<List<MemorySegment>> received) {
        Arguments.requireElements(sent, "sent");
        Arguments.requireElements(received, "received");
        begin(sent, received).await();
    }

    /**
     * Gives every member what each has in its part of some memory: an all-gather.
     *
     * @param all native memory, the parts in the order of the members, one after another; this
     *     member's is read, the others are written
     * @param bytes the sizes of the parts, the same on every member
     * @throws TeamException if another member failed, is gone or did not answer in time; what the
     *     others' parts hold is then undefined
     */
    default void gather(MemorySegment all, long[] bytes) {
        Objects.requireNonNull(all, "all");
        Objects.requireNonNull(bytes, "bytes");
        var sent = new ArrayList<List<MemorySegment>>();
        var received = new ArrayList<List<MemorySegment>>();
        long ownPlace = Arrays.stream(bytes, 0, rank()).sum();
        var own = all.asSlice(ownPlace, bytes[rank()]);
        long at = 0;
        for (int member = 0; member < size(); member++) {
            boolean other = member != rank();
            sent.add(other ? List.of(own) : List.of());
            received.add(other ? List.of(all.asSlice(at, bytes[member])) : List.of());
            at += bytes[member];
        }
        exchange(sent, received);
    }

    /**
     * Gives every member what each has.
     *
     * @param own this member's; as many bytes on every one
     * @return what each has, in the order of the members
     * @throws TeamException if another member failed, is gone or did not answer in time
     */
    default List<byte[]> gather(byte[] own) {
        Objects.requireNonNull(own, "own");
        try (var arena = Arena.ofShared()) {
            var all = arena.allocate((long) own.length * size());
            MemorySegment.copy(
                    own, 0, all, ValueLayout.JAVA_BYTE, (long) own.length * rank(), own.length);
            var bytes = new long[size()];
            Arrays.fill(bytes, own.length);
            gather(all, bytes);
            var found = new ArrayList<byte[]>();
            for (long member = 0; member < size(); member++) {
                found.add(
                        all.asSlice(member * own.length, own.length)
                                .toArray(ValueLayout.JAVA_BYTE));
            }
            return List.copyOf(found);
        }
    }

    /**
     * Waits until all members have got here.
     *
     * @throws TeamException if another member failed, is gone or did not answer in time
     */
    default void barrier() {
        gather(new byte[1]);
    }

    /**
     * Ends the team for all: this member cannot go on. Does nothing where it has ended already. May
     * be called from any thread.
     *
     * @param reason what the others are told, after the number of this member
     */
    void abort(String reason);

    /**
     * Why the team has ended, once this member knows it; empty as long as the team goes on. Does
     * not wait, and may be called from any thread.
     */
    Optional<String> end();

    /** How long a call waits for other members. */
    Duration timeout();

    /**
     * The same members under the same numbers, with an order of calls of its own: they may be made
     * in another thread than this team's, and between any of those. All members ask for channels in
     * the same order. Each optimizer has one. It ends when the team does, and is the team's to
     * close.
     *
     * <p>A team that has one order alone returns itself: then nobody else may make a call between
     * those of a step, nor while gradients are {@linkplain
     * org.panoptim.Optimizer#backward(org.panoptim.step.BackwardPass) on their way} to it.
     */
    default Team channel() {
        return this;
    }
}
