package org.panoptim.kfac.engine;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;

import org.panoptim.matrix.Floats;
import org.panoptim.memory.HostMemory;
import org.panoptim.memory.Memory;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * The rows of a contribution that count, without gaps.
 *
 * @param inputs count × inputs of the layer
 * @param outputGradients count × outputs of the layer
 */
record HostRows(MemorySegment inputs, MemorySegment outputGradients, long count) {

    /** Leaves the masked rows out; copies only if there are some. */
    static HostRows of(KroneckerLayer layer, Contribution contribution, Arena arena) {
        var inputs =
                segment(
                        layer,
                        "inputs",
                        contribution.inputs(),
                        contribution.rows() * layer.inputs() * Float.BYTES);
        var gradients =
                segment(
                        layer,
                        "output gradients",
                        contribution.outputGradients(),
                        contribution.rows() * layer.outputs() * Float.BYTES);
        if (contribution.mask().isEmpty()) {
            return new HostRows(inputs, gradients, contribution.rows());
        }
        var mask = segment(layer, "mask", contribution.mask().get(), contribution.rows());
        long count = 0;
        for (long row = 0; row < contribution.rows(); row++) {
            count += mask.get(JAVA_BYTE, row) != 0 ? 1 : 0;
        }
        if (count == contribution.rows()) {
            return new HostRows(inputs, gradients, count);
        }
        return new HostRows(
                kept(inputs, mask, count, layer.inputs(), arena),
                kept(gradients, mask, count, layer.outputs(), arena),
                count);
    }

    private static MemorySegment kept(
            MemorySegment rows, MemorySegment mask, long count, int columns, Arena arena) {
        long bytes = (long) columns * Float.BYTES;
        var kept = arena.allocate(count * bytes, Float.BYTES);
        long to = 0;
        for (long row = 0; row < mask.byteSize(); row++) {
            if (mask.get(JAVA_BYTE, row) != 0) {
                MemorySegment.copy(rows, row * bytes, kept, to, bytes);
                to += bytes;
            }
        }
        return kept;
    }

    private static MemorySegment segment(
            KroneckerLayer layer, String what, Memory memory, long bytes) {
        if (!(memory instanceof HostMemory host)) {
            throw new IllegalArgumentException(
                    "layer '%s': the %s lie in device memory, but the backend computes on the host"
                            .formatted(layer.name(), what));
        }
        Floats.fault(host.segment())
                .ifPresent(
                        why -> {
                            throw new IllegalStateException(
                                    "layer '%s': the %s cannot be read: %s"
                                            .formatted(layer.name(), what, why));
                        });
        if (memory.byteSize() < bytes) {
            throw new IllegalArgumentException(
                    "layer '%s': the %s must have %d bytes, but have %d"
                            .formatted(layer.name(), what, bytes, memory.byteSize()));
        }
        return host.segment().asSlice(0, bytes);
    }
}
