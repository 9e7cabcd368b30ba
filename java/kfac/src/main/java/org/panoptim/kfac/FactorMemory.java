package org.panoptim.kfac;

import org.panoptim.spi.kronecker.Inverted;

/** What is remembered of a factor's inverse in use. */
final class FactorMemory {

    /** Of the average that was inverted: its layer's updates by then. 0: there is no inverse. */
    private long updates;

    private double damping;
    private double condition;
    private double error;
    private int stale;

    long updates() {
        return updates;
    }

    double damping() {
        return damping;
    }

    double condition() {
        return condition;
    }

    double error() {
        return error;
    }

    /** Refreshes since the inverse was computed. */
    int stale() {
        return stale;
    }

    /** Whether an inverse was ever computed; if not, the identity may stand in. */
    boolean hasInverse() {
        return updates > 0;
    }

    /** Whether something stands in for an inverse: a computed one, or the identity. */
    boolean exists() {
        return hasInverse() || stale > 0;
    }

    /** Whether the inverse comes from the last refresh, and is a start for Newton's method. */
    boolean isFresh() {
        return hasInverse() && stale == 0;
    }

    void invertedAt(long newUpdates, double newDamping, Inverted result) {
        updates = newUpdates;
        damping = newDamping;
        condition = result.condition();
        error = result.certifiedError();
        stale = 0;
    }

    void keptStale() {
        stale++;
    }

    /** As text, for a checkpoint. */
    String format() {
        return updates + " " + damping + " " + condition + " " + error + " " + stale;
    }

    /**
     * Reads {@link #format}.
     *
     * @throws IllegalArgumentException if it is something else
     */
    static FactorMemory parse(String text) {
        var parts = text.split(" ", -1);
        if (parts.length != 5) {
            throw new IllegalArgumentException("'" + text + "' is not what a factor remembers");
        }
        var memory = new FactorMemory();
        memory.updates = Long.parseLong(parts[0]);
        memory.damping = Double.parseDouble(parts[1]);
        memory.condition = Double.parseDouble(parts[2]);
        memory.error = Double.parseDouble(parts[3]);
        memory.stale = Integer.parseInt(parts[4]);
        return memory;
    }
}
