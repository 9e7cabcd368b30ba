package org.panoptim.backend;

import org.panoptim.memory.Buffer;
import org.panoptim.memory.HostMemory;
import org.panoptim.parameter.Parameter;
import org.panoptim.spi.Execution;
import org.panoptim.spi.StepPlan;

import java.util.List;

/**
 * A device's backend, and the host's for optimizers whose parameters all lie in host memory: the
 * best that works, whatever it is handed.
 */
record DeviceOrHost(Backend device, Backend host) implements Backend {

    @Override
    public String name() {
        return device.name() + " or " + host.name();
    }

    @Override
    public String description() {
        return "%s for device memory, %s for host memory"
                .formatted(device.description(), host.description());
    }

    /** It does, beside device memory. */
    @Override
    public boolean usesHostMemory() {
        return true;
    }

    /** Of the device, which is the faster one. */
    @Override
    public Buffer allocate(long byteSize) {
        return device.allocate(byteSize);
    }

    @Override
    public Execution open(StepPlan plan) {
        return on(plan.parameters()).open(plan);
    }

    @Override
    public Backend on(List<Parameter> parameters) {
        boolean allOnHost =
                parameters.stream().allMatch(each -> each.value() instanceof HostMemory);
        return allOnHost ? host : device;
    }

    @Override
    public void close() {
        try {
            device.close();
        } finally {
            host.close();
        }
    }
}
