package org.panoptim.cuda.team;

import java.util.List;

/**
 * Moves device memory between the members of a team, in the order of the backend's stream. All
 * members make the same calls in the same order, with the context current.
 *
 * <p>Every call throws a {@link org.panoptim.shard.TeamException} if another member failed, is gone
 * or did not answer in time.
 */
public interface Transport extends AutoCloseable {

    /**
     * Sends regions to every other member, and receives what each has for this one.
     *
     * @param sent for each member what it gets, region by region; nothing for this one
     * @param received for each member where what it sends is put: regions of the same sizes as
     *     there; nothing for this one
     */
    void exchange(List<List<Region>> sent, List<List<Region>> received);

    /**
     * Gives every member what each has.
     *
     * @param regions of each member, of the same sizes on all: this one's are read, the others are
     *     written
     */
    void gather(List<List<Region>> regions);

    /**
     * Waits until all that was to be received has been, and what was queued before is done; no
     * longer than the team's timeout.
     */
    void await();

    /** Waits until every member has received what it was to receive. */
    void agree();

    @Override
    void close();
}
