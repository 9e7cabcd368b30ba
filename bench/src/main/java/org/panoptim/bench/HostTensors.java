package org.panoptim.bench;

import org.panoptim.memory.FloatView;
import org.panoptim.memory.HostMemory;
import org.panoptim.parameter.Parameter;
import org.panoptim.tensor.DType;
import org.panoptim.tensor.Shape;

import java.lang.foreign.Arena;

/** Parameters in native memory with the arrays that a scenario asks for. */
final class HostTensors {

    private static final long ALIGNMENT = 64;

    private HostTensors() {}

    /** A parameter with its gradient and outputs, all zero, which live as long as the arena. */
    static Parameter parameter(String name, Shape shape, Scenario scenario, Arena arena) {
        var type = scenario.type();
        var parameter = Parameter.of(name, shape, type, memory(type, shape, arena));
        return scenario.withOutputs(parameter, each -> memory(each, shape, arena))
                .gradient(memory(type, shape, arena));
    }

    private static HostMemory memory(DType type, Shape shape, Arena arena) {
        return new HostMemory(arena.allocate(shape.elements() * type.byteSize(), ALIGNMENT));
    }

    /** The elements of a parameter's value. */
    static FloatView values(Parameter parameter) {
        return FloatView.of(parameter.value(), parameter.dtype());
    }

    /** The elements of its gradient. */
    static FloatView gradients(Parameter parameter) {
        return FloatView.of(parameter.gradient().orElseThrow(), parameter.dtype());
    }
}
