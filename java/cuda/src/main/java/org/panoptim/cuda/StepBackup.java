package org.panoptim.cuda;

import org.panoptim.spi.StepPlan;

/**
 * A copy of what deciding about a step changes, for steps that can still be taken back after that:
 * those with a transform.
 */
final class StepBackup implements AutoCloseable {

    private final CudaBackend backend;
    private final DeviceControl control;
    private final DeviceTables tables;
    private final long memory;

    StepBackup(CudaBackend backend, StepPlan plan, DeviceControl control, DeviceTables tables) {
        this.backend = backend;
        this.control = control;
        this.tables = tables;
        memory =
                plan.transform().isPresent()
                        ? DeviceSlab.allocate(backend, countsOffset() + tables.countBytes())
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
            backend.device().driver().copyOnDevice(to, from, bytes, backend.stream());
        }
    }

    @Override
    public void close() {
        if (memory != 0) {
            backend.device().driver().free(memory, backend.stream());
        }
    }
}
