package org.panoptim.cuda.kfac;

import org.panoptim.abi.bindings.panoptim_control;
import org.panoptim.abi.bindings.panoptim_kfac_contribution;
import org.panoptim.cuda.device.DeviceContext;
import org.panoptim.cuda.device.DeviceState;
import org.panoptim.kfac.engine.Contribution;
import org.panoptim.kfac.engine.FactorEngine;
import org.panoptim.kfac.engine.KroneckerLayer;
import org.panoptim.memory.DeviceMemory;
import org.panoptim.memory.Memory;
import org.panoptim.spi.DeviceStep;
import org.panoptim.spi.StepContext;
import org.panoptim.spi.StepFacts;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/** Hands contributions to the device, once they are checked. */
final class Contributions {

    /** The control of the optimizer whose loss scale holds; 0: none is known. */
    private long control;

    /** Takes the loss scale from a step on the device from now on. */
    void attach(DeviceStep step) {
        control = step.control();
    }

    /**
     * What the device has decided; waits.
     *
     * @throws IllegalStateException if no step is attached
     */
    FactorEngine.Decided decided(DeviceContext context) {
        if (control == 0) {
            throw new IllegalStateException("no optimizer is attached, whose steps count");
        }
        try (var arena = Arena.ofConfined()) {
            var read = panoptim_control.allocate(arena);
            DeviceState.read(context, control, read);
            return new FactorEngine.Decided(
                    panoptim_control.step(read), panoptim_control.accepted(read) != 0);
        }
    }

    /** What a device has decided about a step, as the host would know it; waits. */
    static StepContext known(DeviceContext context, StepFacts step) {
        return switch (step) {
            case StepContext known -> known;
            case DeviceStep(var address) -> {
                try (var arena = Arena.ofConfined()) {
                    var read = panoptim_control.allocate(arena);
                    DeviceState.read(context, address, read);
                    yield new StepContext(
                            panoptim_control.accepted(read) != 0,
                            panoptim_control.step(read),
                            panoptim_control.gradient_scale(read),
                            panoptim_control.rate_factor(read));
                }
            }
        };
    }

    /**
     * Describes a contribution.
     *
     * @param number of the micro-batch since the last commit, from 0
     * @throws IllegalArgumentException if its memory is not the device's or too small
     * @throws IllegalStateException if nobody knows its loss scale
     */
    void describe(
            MemorySegment described, KroneckerLayer layer, Contribution contribution, int number) {
        long rows = contribution.rows();
        long inputs = require(layer, "inputs", contribution.inputs(), rows, 4L * layer.inputs(), 4);
        long gradients =
                require(
                        layer,
                        "output gradients",
                        contribution.outputGradients(),
                        rows,
                        4L * layer.outputs(),
                        4);
        long mask =
                contribution.mask().isPresent()
                        ? require(layer, "mask", contribution.mask().get(), rows, 1, 1)
                        : 0;
        boolean stated = contribution.lossScale().isPresent();
        if (!stated && control == 0) {
            throw new IllegalStateException(
                    "layer '%s': its output gradients come without a loss scale, and no optimizer is attached to ask for it"
                            .formatted(layer.name()));
        }
        panoptim_kfac_contribution.inputs(described, MemorySegment.ofAddress(inputs));
        panoptim_kfac_contribution.output_gradients(described, MemorySegment.ofAddress(gradients));
        panoptim_kfac_contribution.mask(described, MemorySegment.ofAddress(mask));
        panoptim_kfac_contribution.control(
                described, MemorySegment.ofAddress(stated ? 0 : control));
        panoptim_kfac_contribution.loss_scale(described, contribution.lossScale().orElse(1));
        panoptim_kfac_contribution.averaged_over(described, contribution.averagedOver().orElse(0));
        panoptim_kfac_contribution.rows(described, rows);
        panoptim_kfac_contribution.columns(described, 0, layer.inputs());
        panoptim_kfac_contribution.columns(described, 1, layer.outputs());
        panoptim_kfac_contribution.number(described, number);
    }

    private static long require(
            KroneckerLayer layer,
            String what,
            Memory memory,
            long rows,
            long rowBytes,
            int alignment) {
        long address = onDevice(layer, what, memory);
        long needed = Math.multiplyExact(rows, rowBytes);
        if (memory.byteSize() < needed) {
            throw new IllegalArgumentException(
                    "layer '%s': its %s need %d bytes for %d rows, but have %d"
                            .formatted(layer.name(), what, needed, rows, memory.byteSize()));
        }
        if (address % alignment != 0) {
            throw new IllegalArgumentException(
                    "layer '%s': its %s must be aligned to %d bytes, but lie at 0x%x"
                            .formatted(layer.name(), what, alignment, address));
        }
        return address;
    }

    /**
     * The address of memory of a device.
     *
     * @throws IllegalArgumentException if it is the host's
     */
    static long onDevice(KroneckerLayer layer, String what, Memory memory) {
        if (memory instanceof DeviceMemory device) {
            return device.address();
        }
        throw new IllegalArgumentException(
                "layer '%s': its %s lie in host memory; hand in the framework's device memory, or allocate it with the backend"
                        .formatted(layer.name(), what));
    }
}
