package org.panoptim.cuda;

import org.panoptim.cuda.device.DeviceContext;
import org.panoptim.cuda.device.DeviceSlab;
import org.panoptim.cuda.device.Uploads;
import org.panoptim.cuda.driver.CudaDriver;
import org.panoptim.spi.Cleanup;
import org.panoptim.spi.Counters;
import org.panoptim.spi.StepPlan;

import java.util.Map;

/**
 * The schedule's wishes in device memory, always ahead of the device: the host has asked it for so
 * many attempts, and reads what it has counted of them without waiting.
 *
 * <p>A framework's graph makes attempts that the host does not count. It finds at least {@link
 * ScheduleRing#AHEAD} steps behind those that the host has asked for, and may make as many attempts
 * until a call that waits tells the host where the device is.
 *
 * <p>A schedule is a user's code, behind which another context may be current.
 */
final class DeviceSchedule implements AutoCloseable {

    private final DeviceContext context;
    private final CudaDriver driver;
    private final long stream;
    private final DeviceControl control;
    private final ScheduleRing ring = new ScheduleRing();
    private final long memory;

    // The host has asked the device for so many attempts since the counters were these.
    private long attempts;
    private long startStep;
    private long startSkipped;

    /** Whether a framework's graph may make attempts that the host does not count. */
    private boolean shared;

    /** What the schedule remembered when it was last asked for all steps ahead. */
    private Map<String, Double> remembered = Map.of();

    DeviceSchedule(DeviceContext context, DeviceControl control) {
        this.context = context;
        driver = context.driver();
        stream = context.stream();
        this.control = control;
        try {
            memory = DeviceSlab.allocate(context, ScheduleRing.bytes());
        } catch (RuntimeException | Error e) {
            Cleanup.after(e, ring::close);
            throw e;
        }
    }

    /** The address of the device's copy of the ring. */
    long memory() {
        return memory;
    }

    /** Sends the schedule's wishes from a step on, so that a framework's graph finds them. */
    void begin(StepPlan plan, Uploads uploads, long step) {
        ring.restart(step);
        askAhead(plan, step, true);
        send(uploads);
    }

    /** Begins anew where a checkpoint has set the device's counters. */
    void restore(StepPlan plan, Uploads uploads, Counters counters) {
        caughtUp();
        begin(plan, uploads, counters.step());
    }

    /** Counts an attempt that the device was asked for. */
    void attempted() {
        attempts++;
    }

    /** A framework has captured a step. */
    void share() {
        shared = true;
    }

    /** No graph that a framework has captured can be launched any more. */
    void unshare() {
        shared = false;
    }

    /**
     * Sends the schedule's wishes ahead, when the device is known to have done all it was asked.
     */
    void coverAhead(StepPlan plan, Uploads uploads) {
        caughtUp();
        askAhead(plan, startStep, shared);
        send(uploads);
    }

    /**
     * What the schedule has no answer to is asked again at its step, which may never come. Makes
     * the backend's context current.
     */
    private void askAhead(StepPlan plan, long done, boolean all) {
        try {
            if (all || remembersOtherwise(plan)) {
                askAll(plan, done, done + 1);
            }
        } catch (RuntimeException e) {
            // What it did answer is sent.
        }
        context.enter();
    }

    private boolean remembersOtherwise(StepPlan plan) {
        return !remembered.equals(plan.schedule().state());
    }

    private void askAll(StepPlan plan, long done, long next) {
        var state = Map.copyOf(plan.schedule().state());
        ring.coverAll(plan, done, next);
        remembered = state;
    }

    /**
     * Asks the schedule for its wishes for every step that may come next, to be {@linkplain #send
     * sent}. The host knows a bound for that step, and learns it by waiting only if the bound is
     * too far off. Whatever context is current behind it.
     *
     * @throws RuntimeException if the schedule has none
     */
    void ask(StepPlan plan) {
        long done = control.stepsDone();
        long next = nextAtMost(done);
        if (next + ScheduleRing.AHEAD > done + ScheduleRing.ENTRIES && catchUp()) {
            done = startStep;
            next = done + 1;
        }
        try {
            ask(plan, done, next);
        } catch (RuntimeException e) {
            if (next == done + 1 || !catchUp()) {
                throw e;
            }
            // Perhaps steps were refused, and it is an earlier one's turn.
            ask(plan, startStep, startStep + 1);
        }
    }

    private void ask(StepPlan plan, long done, long next) {
        if (shared && remembersOtherwise(plan)) {
            askAll(plan, done, next);
        } else {
            ring.cover(plan, done, next);
        }
    }

    /** Sends what the schedule was asked for. */
    void send(Uploads uploads) {
        ring.send(uploads, memory, stream);
    }

    /** Waits, unless the stream is being captured, and then knows exactly where the device is. */
    private boolean catchUp() {
        context.enter();
        if (driver.isCapturing(stream)) {
            return false;
        }
        driver.synchronizeStream(stream);
        caughtUp();
        return true;
    }

    private void caughtUp() {
        attempts = 0;
        startStep = control.stepsDone();
        startSkipped = control.stepsSkipped();
    }

    private long nextAtMost(long done) {
        // Those refused are the host's own attempts only if nobody else makes any.
        long refused = shared ? 0 : control.stepsSkipped() - startSkipped;
        return Math.max(startStep + attempts - refused, done) + 1;
    }

    /** Frees the device's memory, which needs the backend's context. */
    void freeMemory() {
        driver.free(memory, stream);
    }

    /** Frees the host's memory. */
    void closeRing() {
        ring.close();
    }

    @Override
    public void close() {
        Cleanup.all(this::freeMemory, this::closeRing);
    }
}
