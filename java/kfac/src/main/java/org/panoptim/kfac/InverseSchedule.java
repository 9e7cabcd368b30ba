package org.panoptim.kfac;

import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;

/**
 * When the inverses of a layer's factors are due: once in a period of accepted steps, and from then
 * on until they were computed from an average that had become another one.
 */
final class InverseSchedule {

    private final int period;

    /** The step, from 0, at which a layer's inverses were last computed. */
    private final long[] done;

    /** The updates that its averages had taken by then. */
    private final long[] seen;

    /** Whether there may have been updates since. */
    private final boolean[] changed;

    InverseSchedule(int layers, int period) {
        this.period = period;
        done = new long[layers];
        seen = new long[layers];
        changed = new boolean[layers];
        Arrays.fill(done, FactorSchedule.NEVER);
    }

    /** Notes which layers have contributed to the attempt that is being made. */
    void contributed(FactorSchedule factors) {
        for (int layer = 0; layer < changed.length; layer++) {
            changed[layer] |= factors.isPending(layer);
        }
    }

    /** Whether inverses may be due at a step: of one layer at least, if it is accepted. */
    boolean mayBeDue(long step) {
        for (int layer = 0; layer < changed.length; layer++) {
            if (changed[layer] && FactorSchedule.isPast(done[layer], step, period)) {
                return true;
            }
        }
        return false;
    }

    /** The layers that are due at an accepted step. */
    List<Integer> due(long step, FactorSchedule factors) {
        for (int layer = 0; layer < changed.length; layer++) {
            changed[layer] = factors.updates(layer) > seen[layer];
        }
        return IntStream.range(0, changed.length)
                .filter(layer -> changed[layer] && FactorSchedule.isPast(done[layer], step, period))
                .boxed()
                .toList();
    }

    /**
     * A layer's inverses were computed.
     *
     * @param inverted whether it has inverses now; if not, it stays due
     */
    void refreshed(int layer, long step, long updates, boolean inverted) {
        seen[layer] = updates;
        changed[layer] = false;
        if (inverted) {
            done[layer] = Math.max(done[layer], step);
        }
    }

    long done(int layer) {
        return done[layer];
    }

    long seen(int layer) {
        return seen[layer];
    }

    /** Restores a layer's schedule from a checkpoint. */
    void restore(int layer, long newDone, long newSeen, boolean newChanged) {
        done[layer] = newDone;
        seen[layer] = newSeen;
        changed[layer] = newChanged;
    }

    /** What sets everything back to as it is now. */
    Runnable snapshot() {
        var oldDone = done.clone();
        var oldSeen = seen.clone();
        var oldChanged = changed.clone();
        return () -> {
            System.arraycopy(oldDone, 0, done, 0, done.length);
            System.arraycopy(oldSeen, 0, seen, 0, seen.length);
            System.arraycopy(oldChanged, 0, changed, 0, changed.length);
        };
    }
}
