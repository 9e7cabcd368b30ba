package org.panoptim.kfac;

import org.panoptim.kfac.engine.FactorEngine;
import org.panoptim.spi.DeviceStep;
import org.panoptim.spi.Execution;
import org.panoptim.spi.StepContext;
import org.panoptim.spi.StepFacts;

import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;

/**
 * When contributions to a layer's factors are due: once in a period of accepted steps, and from
 * then on until one was taken up. A refused step counts for nothing, nor does a contribution of no
 * rows or one that is not finite.
 *
 * <p>A device decides on its steps by itself. The host queries it, which waits for its work, only
 * where the result depends on what it decided.
 */
final class FactorSchedule {

    /** Stands for no step. */
    static final long NEVER = -1;

    private final FactorEngine engine;
    private final int period;

    /** Accepted steps, as far as the host knows. */
    private long steps;

    /** Attempts since, on which a device has decided. */
    private long undecided;

    /** What the device had counted when this began at zero. */
    private long offset;

    private boolean onDevice;

    /** Whether there are contributions that no attempt has taken up or dropped. */
    private final boolean[] pending;

    /** The updates that each layer was last seen to have taken. */
    private final long[] updates;

    /** The step, from 0, at which each layer took its last one. */
    private final long[] taken;

    /** Whether an attempt had a contribution with an outcome that the host does not know yet. */
    private final boolean[] unresolved;

    FactorSchedule(FactorEngine engine, int layers, int period) {
        this.engine = engine;
        this.period = period;
        pending = new boolean[layers];
        updates = new long[layers];
        taken = new long[layers];
        unresolved = new boolean[layers];
        Arrays.fill(taken, NEVER);
    }

    /** Follows an optimizer, which may count its steps on a device. */
    void follow(Execution execution) {
        onDevice = execution.deviceStep().isPresent();
        undecided = 0;
        offset = onDevice ? engine.decided().steps() - steps : 0;
    }

    int period() {
        return period;
    }

    /** Whether a layer's contributions to the coming step are taken up. */
    boolean isDue(int layer) {
        if (period == 1) {
            return true;
        }
        if (unresolved[layer] || isPast(taken[layer], steps + undecided)) {
            settle();
        }
        return isPast(taken[layer], steps);
    }

    private boolean isPast(long last, long step) {
        return isPast(last, step, period);
    }

    /** Whether a period began after a step, up to another one. */
    static boolean isPast(long last, long step, int period) {
        return last == NEVER || step / period > last / period;
    }

    /** Learns what a device has decided. */
    void settle() {
        if (undecided > 0) {
            steps = engine.decided().steps() - offset;
            undecided = 0;
            look();
        }
    }

    /** Learns which contributions a device has taken up; how many steps it has taken stays open. */
    void resolve() {
        for (boolean each : unresolved) {
            if (each) {
                look();
                return;
            }
        }
    }

    private void look() {
        var now = engine.updates();
        if (!Arrays.equals(now, updates)) {
            var last = stepsOfUpdates();
            for (int layer = 0; layer < now.length; layer++) {
                taken[layer] = now[layer] > updates[layer] ? last[layer] : taken[layer];
                updates[layer] = now[layer];
            }
        }
        Arrays.fill(unresolved, false);
    }

    /** Of layers that have taken updates since the last look, the step of the last one. */
    private long[] stepsOfUpdates() {
        if (onDevice) {
            return Arrays.stream(engine.updatedAt()).map(step -> step - 1 - offset).toArray();
        }
        var last = new long[taken.length];
        Arrays.fill(last, steps - 1);
        return last;
    }

    /** A contribution of a layer was accumulated for the coming step. */
    void contributed(int layer) {
        pending[layer] = true;
    }

    boolean isPending(int layer) {
        return pending[layer];
    }

    boolean anyPending() {
        for (boolean each : pending) {
            if (each) {
                return true;
            }
        }
        return false;
    }

    /** The contributions that waited for a step are gone. */
    void discard() {
        Arrays.fill(pending, false);
    }

    /** The most accepted steps that there can have been. */
    long atMost() {
        return steps + undecided;
    }

    /** Accepted steps; {@linkplain #settle settled} before. */
    long steps() {
        return steps;
    }

    /** The updates that a layer has taken; settled before. */
    long updates(int layer) {
        return updates[layer];
    }

    /** The layers that have taken an update; settled before. */
    List<Integer> updatedLayers() {
        return IntStream.range(0, updates.length)
                .filter(layer -> updates[layer] > 0)
                .boxed()
                .toList();
    }

    /** The step of a layer's last update; settled before. */
    long taken(int layer) {
        return taken[layer];
    }

    /**
     * An attempt has been made, with what was pending committed.
     *
     * @param ask whether to find out now what a device decided
     * @return whether it is known to have been accepted
     */
    boolean attempted(StepFacts step, boolean ask) {
        for (int layer = 0; layer < pending.length; layer++) {
            if (pending[layer]) {
                unresolved[layer] = true;
                pending[layer] = false;
            }
        }
        return switch (step) {
            case StepContext context -> {
                steps += context.accepted() ? 1 : 0;
                look();
                yield context.accepted();
            }
            case DeviceStep _ -> {
                undecided++;
                if (!ask) {
                    yield false;
                }
                boolean accepted = engine.decided().accepted();
                settle();
                yield accepted;
            }
        };
    }

    /** Restores the schedule from a checkpoint. */
    void restore(long newSteps, long[] newUpdates, long[] newTaken) {
        steps = newSteps;
        undecided = 0;
        offset = onDevice ? engine.decided().steps() - steps : 0;
        System.arraycopy(newUpdates, 0, updates, 0, updates.length);
        System.arraycopy(newTaken, 0, taken, 0, taken.length);
        Arrays.fill(unresolved, false);
        discard();
    }

    /** What sets everything back to as it is now. */
    Runnable snapshot() {
        long oldSteps = steps;
        long oldUndecided = undecided;
        var oldPending = pending.clone();
        var oldUpdates = updates.clone();
        var oldTaken = taken.clone();
        var oldUnresolved = unresolved.clone();
        return () -> {
            steps = oldSteps;
            undecided = oldUndecided;
            System.arraycopy(oldPending, 0, pending, 0, pending.length);
            System.arraycopy(oldUpdates, 0, updates, 0, updates.length);
            System.arraycopy(oldTaken, 0, taken, 0, taken.length);
            System.arraycopy(oldUnresolved, 0, unresolved, 0, unresolved.length);
        };
    }
}
