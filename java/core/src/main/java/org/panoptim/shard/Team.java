package org.panoptim.shard;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.time.Duration;
import java.util.Arrays;

/**
 * Members that take one step together: processes, devices, or threads of one process. All members
 * call the same methods in the same order, each from one thread at a time; a call returns when this
 * member has what it waits for.
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
     * Sends every member its part of some bytes, and receives what each has for this one: an
     * all-to-all.
     *
     * @param sent native memory, the parts in the order of the members that they are for, one after
     *     another
     * @param sentBytes the sizes of these parts, one for each member
     * @param received native memory that does not overlap {@code sent}; the parts are put there in
     *     the order of the members that they come from
     * @param receivedBytes the sizes of these parts, which are those that the others send
     * @throws TeamException if another member failed, is gone or did not answer in time; what
     *     {@code received} holds is then undefined
     */
    void exchange(
            MemorySegment sent, long[] sentBytes, MemorySegment received, long[] receivedBytes);

    /**
     * Gives every member what each has in its part of some memory: an all-gather.
     *
     * @param all native memory, the parts in the order of the members, one after another; this
     *     member's is read, the others are written
     * @param bytes the sizes of the parts, the same on every member
     * @throws TeamException if another member failed, is gone or did not answer in time; what the
     *     others' parts hold is then undefined
     */
    void gather(MemorySegment all, long[] bytes);

    /**
     * Waits until all members have got here.
     *
     * @throws TeamException if another member failed, is gone or did not answer in time
     */
    default void barrier() {
        try (var arena = Arena.ofShared()) {
            var bytes = new long[size()];
            Arrays.fill(bytes, 1);
            gather(arena.allocate(size()), bytes);
        }
    }

    /**
     * Ends the team for all: this member cannot go on. Does nothing where it has ended already. May
     * be called from any thread.
     *
     * @param reason what the others are told, after the number of this member
     */
    void abort(String reason);

    /** How long a call waits for other members. */
    Duration timeout();
}
