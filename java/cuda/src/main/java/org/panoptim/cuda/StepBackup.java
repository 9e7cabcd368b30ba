package org.panoptim.cuda;

import org.panoptim.cuda.device.DeviceContext;
import org.panoptim.cuda.device.DeviceSlab;
import org.panoptim.spi.StepPlan;

/**
 * A copy of what deciding about a step changes, for steps that can still be taken back after that:
 * those with a transform.
 */
final class StepBackup implements AutoCloseable {

    private final DeviceContext context;
    private final DeviceControl control;
    private final DeviceTables tables;
    private final long memory;

    StepBackup(DeviceContext context, StepPlan plan, DeviceControl control, DeviceTables tables) {
        this.context = context;
        this.control = control;
        this.tables = tables;
        memory =
                plan.transform().isPresent()
                        ? DeviceSlab.allocate(context, countsOffset() + tables.countBytes())
                        : 0;
    }

    private long countsOffset() {
        return DeviceSlab.aligned(control.bytes());
    }

    /** Queues saving the control block and the counts. */
    void save() {
        copy(memory, control.address(), control.bytes());
        copy(memory + countsOffset(), tables.counts(), tables.countBytes());
    }

    /** Queues setting them back. */
    void restore() {
        copy(control.address(), memory, control.bytes());
        copy(tables.counts(), memory + countsOffset(), tables.countBytes());
    }

    private void copy(long to, long from, long bytes) {
        if (bytes > 0) {
            context.driver().copyOnDevice(to, from, bytes, context.stream());
        }
    }

    @Override
    public void close() {
        if (memory != 0) {
            context.driver().free(memory, context.stream());
        }
    }
}
