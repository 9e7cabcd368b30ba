package org.panoptim.shard;

/** Bytes that are under way between members of a team. */
@FunctionalInterface
public interface Transfer {

    /**
     * Waits until this member has received all that is for it, and what it sends may be changed
     * again. Called once for each transfer, in the order in which they began.
     *
     * @throws TeamException if another member failed, is gone or did not answer in time; what was
     *     received by this transfer and those after it is then undefined
     */
    void await();
}
