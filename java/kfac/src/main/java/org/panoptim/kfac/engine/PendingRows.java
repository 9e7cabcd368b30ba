package org.panoptim.kfac.engine;

/** What a layer's pending averages hold, and what its averages have taken. */
final class PendingRows {

    private long rows;
    private long updates;
    private long refused;

    /** The share that new rows get of the pending mean; 1 for the first. */
    double add(long count) {
        rows += count;
        return (double) count / rows;
    }

    long rows() {
        return rows;
    }

    long updates() {
        return updates;
    }

    long refused() {
        return refused;
    }

    void forget() {
        rows = 0;
    }

    /** Ends a step in which the layer's contribution was taken up or dropped. */
    void taken(boolean finite) {
        if (finite) {
            updates++;
        } else {
            refused++;
        }
        rows = 0;
    }

    /** What can be {@linkplain #putBack put back}. */
    long[] snapshot() {
        return new long[] {rows, updates, refused};
    }

    void putBack(long[] snapshot) {
        rows = snapshot[0];
        updates = snapshot[1];
        refused = snapshot[2];
    }

    void restore(long newUpdates, long newRefused) {
        updates = newUpdates;
        refused = newRefused;
        rows = 0;
    }
}
