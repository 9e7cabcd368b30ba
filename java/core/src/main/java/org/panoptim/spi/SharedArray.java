package org.panoptim.spi;

import org.panoptim.memory.FloatView;
import org.panoptim.memory.Memory;
import org.panoptim.parameter.Parameter;
import org.panoptim.tensor.DType;

import java.util.Objects;

/**
 * An array that members of a team add up: a parameter's gradient, for example.
 *
 * @param memory its elements, as many as the parameter has, in its order
 * @param type {@link DType#F32} or {@link DType#BF16}
 */
public record SharedArray(Memory memory, DType type) {

    /** Checks the components. */
    public SharedArray {
        Objects.requireNonNull(memory, "memory");
        FloatView.requireFloats(type);
    }

    /** The values of a parameter. */
    public static SharedArray value(Parameter parameter) {
        return new SharedArray(parameter.value(), parameter.dtype());
    }

    /** The gradient of a parameter that has one. */
    public static SharedArray gradient(Parameter parameter) {
        return new SharedArray(parameter.gradient().orElseThrow(), parameter.dtype());
    }

    /** The curvature of a parameter that has some. */
    public static SharedArray curvature(Parameter parameter) {
        return new SharedArray(parameter.curvature().orElseThrow(), parameter.dtype());
    }
}
