package org.panoptim.djl;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.DataType;
import ai.djl.pytorch.engine.PtNDArray;
import ai.djl.pytorch.jni.JniUtils;

import org.panoptim.memory.HostMemory;
import org.panoptim.memory.Memory;
import org.panoptim.parameter.Parameter;
import org.panoptim.parameter.ParameterSource;
import org.panoptim.tensor.DimensionOrder;
import org.panoptim.tensor.Shape;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Optional;
import java.util.function.BooleanSupplier;

/** One of the engine's arrays, and the parameter that stands for it. */
final class TrackedArray {

    /** The address of a gradient that is not there. */
    static final long ABSENT = 0;

    private final String name;
    private final PtNDArray value;
    private final BooleanSupplier isTrained;
    private final long address;
    private final long byteSize;
    private final Arena arena;
    private final Parameter parameter;

    /**
     * @param array of which {@link #problem} found none
     * @param isTrained whether the framework wants the array to be stepped now
     * @param arena bounds the use of the parameter's memory, which is the engine's
     * @param source what the parameter's optimizers ask
     * @throws IllegalArgumentException if the elements do not lie row by row
     */
    TrackedArray(
            String name,
            NDArray array,
            BooleanSupplier isTrained,
            Arena arena,
            ParameterSource source) {
        this.name = name;
        this.value = (PtNDArray) array;
        this.isTrained = isTrained;
        this.arena = arena;
        this.byteSize = value.size() * Float.BYTES;
        this.address =
                rowByRow(value, ABSENT)
                        .orElseThrow(
                                () ->
                                        new IllegalArgumentException(
                                                "parameter '%s' does not lie row by row in memory"
                                                        .formatted(name)));
        var shape = Shape.of(value.getShape().getShape());
        var order = DimensionOrder.contiguous(shape.dimensions().size());
        this.parameter = Parameter.of(name, shape, order, memory(address), source);
    }

    /** Why an array cannot be stepped in place, to follow its name, if it cannot. */
    static Optional<String> problem(NDArray array) {
        if (!(array instanceof PtNDArray)) {
            return Optional.of(
                    "is not an array of DJL's PyTorch engine, but " + array.getClass().getName());
        }
        if (!array.getDevice().equals(Device.cpu())) {
            return Optional.of(
                    "is on %s; DJL tells addresses on the CPU alone".formatted(array.getDevice()));
        }
        if (array.getDataType() != DataType.FLOAT32) {
            return Optional.of("is %s, not float32".formatted(array.getDataType()));
        }
        if (array.isSparse()) {
            return Optional.of("is sparse");
        }
        if (array.size() * Float.BYTES > Integer.MAX_VALUE) {
            return Optional.of(
                    "has %d elements; DJL tells the address of at most 2^29 - 1"
                            .formatted(array.size()));
        }
        return Optional.empty();
    }

    Parameter parameter() {
        return parameter;
    }

    /**
     * Looks at the engine's gradient. One that is not trained has none, whatever the engine keeps
     * of earlier passes.
     *
     * @return its address, or {@link #ABSENT}
     * @throws IllegalStateException if an optimizer cannot use it, or the value is not as it was
     */
    long findGradient() {
        if (!isTrained.getAsBoolean()) {
            return ABSENT;
        }
        checkValue();
        if (byteSize == 0) {
            return ABSENT;
        }
        try (var gradient = JniUtils.getGradient(value)) {
            if (gradient == null) {
                return ABSENT;
            }
            problem(gradient)
                    .ifPresent(
                            why -> {
                                throw new IllegalStateException(
                                        "the gradient of '%s' %s".formatted(name, why));
                            });
            return rowByRow(gradient, parameter.gradientAddress())
                    .orElseThrow(
                            () ->
                                    new IllegalStateException(
                                            "the gradient of '%s' does not lie row by row in memory"
                                                    .formatted(name)));
        }
    }

    /**
     * Checks that the value is where it was, whether it is trained or not.
     *
     * @throws IllegalStateException if it is not
     */
    void checkValue() {
        if (value.isReleased()) {
            throw new IllegalStateException(
                    "the array of parameter '%s' is closed".formatted(name));
        }
        if (byteSize != 0 && addressOf(value) != address) {
            throw new IllegalStateException(
                    "the array of parameter '%s' was given other memory; the parameters and their optimizer must be made anew"
                            .formatted(name));
        }
    }

    /** Lets the parameter have the gradient at this address, or none. */
    void follow(long gradient) {
        if (gradient == ABSENT) {
            parameter.clearGradient();
        } else if (parameter.gradientAddress() != gradient) {
            parameter.gradient(memory(gradient));
        }
    }

    /**
     * Where an array's elements lie, if they lie row by row.
     *
     * @param known where they were seen to
     */
    private static Optional<Long> rowByRow(PtNDArray array, long known) {
        if (array.size() == 0) {
            return Optional.of(ABSENT);
        }
        // Of elements that do not, each call shows another copy, which lives as long as the array.
        long found = addressOf(array);
        return found == known || found == addressOf(array) ? Optional.of(found) : Optional.empty();
    }

    private static long addressOf(PtNDArray array) {
        return MemorySegment.ofBuffer(array.toByteBuffer(true)).address();
    }

    private Memory memory(long at) {
        return new HostMemory(
                byteSize == 0
                        ? arena.allocate(0)
                        : MemorySegment.ofAddress(at).reinterpret(byteSize, arena, null));
    }
}
