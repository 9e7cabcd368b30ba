package org.panoptim.kfac;

import org.panoptim.matrix.Inverted;

/** The history of a factor's inverse in use. */
final class FactorHistory {

    /** The layer's updates when the average was inverted. 0: there is no inverse. */
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

    /** Whether an inverse was ever computed. */
    boolean hasInverse() {
        return updates > 0;
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
        stale = Math.min(stale, Integer.MAX_VALUE - 1) + 1;
    }

    FactorHistory copy() {
        var copy = new FactorHistory();
        copy.updates = updates;
        copy.damping = damping;
        copy.condition = condition;
        copy.error = error;
        copy.stale = stale;
        return copy;
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
    static FactorHistory parse(String text) {
        var parts = text.split(" ", -1);
        if (parts.length != 5) {
            throw new IllegalArgumentException("'" + text + "' is not what a factor remembers");
        }
        var memory = new FactorHistory();
        memory.updates = KfacMetadata.count(parts[0]);
        memory.damping = notNegative("damping", parts[1]);
        memory.condition = notNegative("condition", parts[2]);
        memory.error = notNegative("error", parts[3]);
        memory.stale = Math.toIntExact(Math.min(KfacMetadata.count(parts[4]), Integer.MAX_VALUE));
        if (memory.damping == Double.POSITIVE_INFINITY) {
            throw new IllegalArgumentException("a factor's damping must be finite");
        }
        return memory;
    }

    /** A bound that could not be had is infinite. */
    private static double notNegative(String name, String text) {
        double value = Double.parseDouble(text);
        if (!(value >= 0)) {
            throw new IllegalArgumentException(
                    "a factor's " + name + " must be at least 0, but is " + value);
        }
        return value;
    }
}
