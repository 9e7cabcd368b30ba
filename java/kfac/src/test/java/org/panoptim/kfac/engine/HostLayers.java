package org.panoptim.kfac.engine;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_FLOAT;

import org.panoptim.memory.HostMemory;
import org.panoptim.parameter.Parameter;
import org.panoptim.spi.StepContext;
import org.panoptim.tensor.Shape;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Optional;
import java.util.OptionalDouble;

/** Layers and memory for the engines on the host. */
final class HostLayers {

    static final StepContext ACCEPTED = new StepContext(true, 1, 1, 1);
    static final StepContext REFUSED = new StepContext(false, 0, 1, 1);

    private HostLayers() {}

    /** Every thread may touch it. */
    static MemorySegment floats(double... values) {
        return floats(Arena.ofAuto(), values);
    }

    static MemorySegment floats(Arena arena, double... values) {
        var segment = arena.allocate(JAVA_FLOAT, values.length);
        for (int i = 0; i < values.length; i++) {
            segment.setAtIndex(JAVA_FLOAT, i, (float) values[i]);
        }
        return segment;
    }

    static MemorySegment bytes(int... values) {
        var segment = Arena.ofAuto().allocate(values.length);
        for (int i = 0; i < values.length; i++) {
            segment.set(JAVA_BYTE, i, (byte) values[i]);
        }
        return segment;
    }

    static float[] read(MemorySegment floats) {
        return floats.toArray(JAVA_FLOAT);
    }

    static Parameter parameter(String name, long... shape) {
        var described = Shape.of(shape);
        return Parameter.of(
                name, described, Arena.ofAuto().allocate(described.elements() * Float.BYTES, 4));
    }

    /** A layer whose parameters are called {@code name.weight} and {@code name.bias}. */
    static KroneckerLayer layer(String name, int outputs, int inputs, boolean bias) {
        return new KroneckerLayer(
                name,
                parameter(name + ".weight", outputs, inputs),
                bias ? Optional.of(parameter(name + ".bias", outputs)) : Optional.empty());
    }

    /** Rows of which the loss was a sum, without a loss scale. */
    static Contribution rows(int count, MemorySegment inputs, MemorySegment outputGradients) {
        return scaledRows(count, inputs, outputGradients, 1);
    }

    /** Rows of which the loss was a sum, their output gradients multiplied by a loss scale. */
    static Contribution scaledRows(
            int count, MemorySegment inputs, MemorySegment outputGradients, double lossScale) {
        return new Contribution(
                new HostMemory(inputs),
                new HostMemory(outputGradients),
                Optional.empty(),
                count,
                OptionalDouble.of(1),
                OptionalDouble.of(lossScale));
    }

    /** Rows of which those count whose byte of the mask is not 0. */
    static Contribution maskedRows(
            int count, MemorySegment inputs, MemorySegment outputGradients, MemorySegment mask) {
        return new Contribution(
                new HostMemory(inputs),
                new HostMemory(outputGradients),
                Optional.of(new HostMemory(mask)),
                count,
                OptionalDouble.of(1),
                OptionalDouble.of(1));
    }
}
