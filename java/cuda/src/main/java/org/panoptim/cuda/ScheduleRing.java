package org.panoptim.cuda;

import static java.lang.foreign.ValueLayout.JAVA_DOUBLE;

import org.panoptim.abi.bindings.panoptim_schedule_entry;
import org.panoptim.cuda.device.Uploads;
import org.panoptim.spi.StepPlan;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * What the schedule wants of the steps to come, written ahead: the device alone knows which step is
 * next, since it alone knows which were refused.
 *
 * <p>Entry {@code step modulo ENTRIES} is for that step and names it; the device refuses a step
 * whose entry is for another.
 */
final class ScheduleRing implements AutoCloseable {

    /** The most steps ahead of one that the device has passed. */
    static final int ENTRIES = 4096;

    /**
     * Steps behind the next one that always have entries, for a graph that runs without the host.
     */
    static final int AHEAD = ENTRIES / 2;

    /** Steps that are written at a time beyond these. */
    private static final int BATCH = ENTRIES / 16;

    private static final long RATE_FACTOR = panoptim_schedule_entry.rate_factor$offset();

    private static final long MOMENTUM = panoptim_schedule_entry.momentum$offset();

    private final Arena arena = Arena.ofShared();
    private final MemorySegment entries = panoptim_schedule_entry.allocateArray(ENTRIES, arena);

    /** The last step that has an entry. */
    private long filled;

    /** The first step ahead for which the schedule had no value; 0 if none. */
    private long unanswered;

    // Steps from first to last have entries that the device has not been sent; none if first is 0.
    private long first;
    private long last;

    /** Begins anew behind a step, when the device's counters are set: no old entry is left. */
    void restart(long step) {
        entries.fill((byte) 0);
        filled = step;
        unanswered = 0;
        first = step + 1;
        last = step + ENTRIES;
    }

    /**
     * Writes entries for the steps that may come, if some are missing or the next one's is not what
     * the schedule wants now.
     *
     * @param done a step that the device has passed
     * @param next the latest step that may be taken next, at most {@code done + ENTRIES}
     * @throws IllegalStateException if the schedule returns an invalid value for the latter
     */
    void cover(StepPlan plan, long done, long next) {
        long end = Math.max(filled, next + AHEAD + BATCH);
        if (next <= filled && changed(plan, next)) {
            write(plan, done, done + 1, next, end);
        } else if (filled < next + AHEAD && (unanswered == 0 || unanswered <= next)) {
            write(plan, done, Math.max(filled, done) + 1, next, end);
        }
    }

    /** As {@link #cover}, of all steps ahead: asks the schedule for each of them. */
    void coverAll(StepPlan plan, long done, long next) {
        write(plan, done, done + 1, next, Math.max(filled, next + AHEAD + BATCH));
    }

    private boolean changed(StepPlan plan, long step) {
        // Without a slice: this is done at every step, which must not make objects.
        long offset = step % ENTRIES * panoptim_schedule_entry.sizeof();
        return !same(entries.get(JAVA_DOUBLE, offset + RATE_FACTOR), plan.rateFactor(step))
                || !same(entries.get(JAVA_DOUBLE, offset + MOMENTUM), plan.momentum(step));
    }

    private static boolean same(double one, double other) {
        return Double.doubleToLongBits(one) == Double.doubleToLongBits(other);
    }

    /** Writes entries up to an end, or up to the first step for which the schedule has no value. */
    private void write(StepPlan plan, long done, long from, long next, long end) {
        unanswered = 0;
        for (long step = from; step <= Math.min(done + ENTRIES, end); step++) {
            double factor;
            double momentum;
            try {
                factor = plan.rateFactor(step);
                momentum = plan.momentum(step);
            } catch (RuntimeException e) {
                if (step <= next) {
                    throw e;
                }
                // The step may never come; if it does, the schedule is evaluated again.
                unanswered = step;
                break;
            }
            write(step, factor, momentum);
            filled = step;
        }
    }

    /** Writes an entry, which is to be sent only if it is another one. */
    private void write(long step, double factor, double momentum) {
        var entry = entry(step);
        if (panoptim_schedule_entry.step(entry) == step
                && same(panoptim_schedule_entry.rate_factor(entry), factor)
                && same(panoptim_schedule_entry.momentum(entry), momentum)) {
            return;
        }
        panoptim_schedule_entry.rate_factor(entry, factor);
        panoptim_schedule_entry.momentum(entry, momentum);
        panoptim_schedule_entry.step(entry, step);
        first = first == 0 ? step : Math.min(first, step);
        last = Math.max(last, step);
    }

    private MemorySegment entry(long step) {
        return panoptim_schedule_entry.asSlice(entries, step % ENTRIES);
    }

    /** Sends what has been written since. */
    void send(Uploads uploads, long address, long stream) {
        if (first == 0) {
            return;
        }
        long size = panoptim_schedule_entry.sizeof();
        long count = Math.min(last - first + 1, ENTRIES);
        long index = first % ENTRIES;
        long until = Math.min(index + count, ENTRIES);
        uploads.send(
                address + index * size,
                entries.asSlice(index * size, (until - index) * size),
                stream);
        long rest = count - (until - index);
        uploads.send(address, entries.asSlice(0, rest * size), stream);
        first = 0;
        last = 0;
    }

    /** The size of the device's copy in bytes. */
    static long bytes() {
        return ENTRIES * panoptim_schedule_entry.sizeof();
    }

    @Override
    public void close() {
        arena.close();
    }
}
