package org.panoptim.cuda.device;

/** Steps that are queued on a device's stream; other work can be queued behind them. */
public interface QueuedSteps {

    /** Whether they are queued on this device's stream. */
    boolean runOn(DeviceContext context);
}
