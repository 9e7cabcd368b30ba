package org.panoptim.cuda;

import org.panoptim.abi.ControlSettings;
import org.panoptim.abi.bindings.panoptim_control;
import org.panoptim.abi.bindings.panoptim_progress;
import org.panoptim.cuda.device.DeviceContext;
import org.panoptim.cuda.device.DeviceSlab;
import org.panoptim.cuda.device.DeviceState;
import org.panoptim.cuda.driver.PinnedBuffer;
import org.panoptim.spi.Cleanup;
import org.panoptim.spi.Counters;
import org.panoptim.spi.Outcome;
import org.panoptim.spi.StepPlan;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.VarHandle;
import java.util.OptionalDouble;

/**
 * The device's control block, and the page-locked memory where it reports its progress, for the
 * host to look at without waiting.
 */
final class DeviceControl implements AutoCloseable {

    private static final VarHandle LONG = ValueLayout.JAVA_LONG.varHandle();

    private final DeviceContext context;
    private final Arena arena = Arena.ofShared();
    private final MemorySegment copy = panoptim_control.allocate(arena);
    private final long memory;
    private final PinnedBuffer progress;

    DeviceControl(DeviceContext context, StepPlan plan) {
        this.context = context;
        memory = DeviceSlab.allocate(context, copy.byteSize());
        var cleanup = new Cleanup();
        cleanup.add(arena::close);
        cleanup.add(() -> context.driver().free(memory, context.stream()));
        try {
            progress =
                    cleanup.keep(
                            PinnedBuffer.allocate(context.device(), panoptim_progress.sizeof()));
            progress.memory().fill((byte) 0);
            panoptim_control.loss_scale(copy, plan.lossScale().initial());
            ControlSettings.write(copy, plan);
            send();
        } catch (RuntimeException | Error e) {
            cleanup.runAfter(e);
            throw e;
        }
    }

    /** Reads the block, behind all work of the stream. */
    MemorySegment read() {
        DeviceState.read(context, memory, copy);
        return copy;
    }

    /** Sets the counters; as before the first step, nothing is known of a last one. */
    void restore(Counters counters) {
        read();
        panoptim_control.step(copy, counters.step());
        panoptim_control.skipped(copy, counters.skipped());
        panoptim_control.growth_tracker(copy, counters.growthTracker());
        panoptim_control.loss_scale(copy, counters.lossScale());
        panoptim_control.accepted(copy, 0);
        panoptim_control.gradient_scale(copy, 0);
        panoptim_control.clip_coefficient(copy, 1);
        panoptim_control.rate_factor(copy, 1);
        send();
        panoptim_progress.step(progress.memory(), counters.step());
        panoptim_progress.skipped(progress.memory(), counters.skipped());
    }

    /** Lets the progress follow after the block was set back, behind all work of the stream. */
    void takeBack() {
        read();
        long skipped = panoptim_control.skipped(copy);
        // No graph has a step that can be taken back, so none was refused for want of an entry.
        panoptim_progress.non_finite(progress.memory(), nonFinite() - (stepsSkipped() - skipped));
        panoptim_progress.step(progress.memory(), panoptim_control.step(copy));
        panoptim_progress.skipped(progress.memory(), skipped);
    }

    private void send() {
        DeviceState.write(context, memory, copy);
        context.driver().synchronizeStream(context.stream());
    }

    /** The block's address on the device. */
    long address() {
        return memory;
    }

    /** The size of the block in bytes. */
    long bytes() {
        return copy.byteSize();
    }

    /** The device's address of the memory where it reports its progress. */
    long progressAddress() {
        return progress.devicePointer();
    }

    /** Steps that the device has taken, at least. */
    long stepsDone() {
        return now(panoptim_progress.step$offset());
    }

    /** Steps that the device has refused, at least. */
    long stepsSkipped() {
        return now(panoptim_progress.skipped$offset());
    }

    /** Steps refused for a gradient that was not finite, at least. */
    long nonFinite() {
        return now(panoptim_progress.non_finite$offset());
    }

    /** Steps refused since the schedule had no entry for them, at least. */
    long outOfEntries() {
        return now(panoptim_progress.out_of_entries$offset());
    }

    /** The device writes while the host reads. */
    private long now(long offset) {
        return (long) LONG.getVolatile(progress.memory(), offset);
    }

    /** What came of the last step; waits for it. */
    Outcome outcome(StepPlan plan) {
        var read = read();
        boolean attempted = panoptim_control.gradient_scale(read) != 0;
        boolean statistics = panoptim_control.takes_statistics(read) != 0;
        return new Outcome(
                new Counters(
                        panoptim_control.step(read),
                        panoptim_control.skipped(read),
                        panoptim_control.growth_tracker(read),
                        panoptim_control.loss_scale(read)),
                panoptim_control.accepted(read) != 0,
                known(
                        attempted && (plan.measures() || statistics),
                        panoptim_control.gradient_norm(read)),
                panoptim_control.clip_coefficient(read),
                known(attempted && statistics, panoptim_control.update_norm(read)),
                panoptim_control.rate_factor(read));
    }

    /**
     * What unscaled the gradients of the last step, if that took statistics; waits for it. 0 before
     * the first one.
     */
    OptionalDouble scaleOfStatistics() {
        var read = read();
        return known(
                panoptim_control.takes_statistics(read) != 0,
                panoptim_control.gradient_scale(read));
    }

    private static OptionalDouble known(boolean asked, double value) {
        return asked ? OptionalDouble.of(value) : OptionalDouble.empty();
    }

    @Override
    public void close() {
        Cleanup.all(
                progress::close,
                arena::close,
                () -> context.driver().free(memory, context.stream()));
    }
}
