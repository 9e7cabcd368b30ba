package org.panoptim.pytorch;

import org.panoptim.HostMemory;
import org.panoptim.Parameter;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.IdentityHashMap;
import java.util.Map;

/** Where curvature lies between the backward pass that made it and the step that uses it. */
final class CurvatureBuffer {

    private final Arena arena;
    private final Map<Parameter, MemorySegment> segments = new IdentityHashMap<>();

    /** A buffer whose memory lives as long as the arena. */
    CurvatureBuffer(Arena arena) {
        this.arena = arena;
    }

    /** Moves a parameter's gradient here, as the coming step's curvature; zeros stay behind. */
    void take(Parameter parameter) {
        if (parameter.gradient().orElse(null) instanceof HostMemory(var gradient)) {
            var curvature = segments.computeIfAbsent(parameter, this::allocate);
            curvature.copyFrom(gradient);
            gradient.fill((byte) 0);
            parameter.curvature(curvature);
        }
    }

    private MemorySegment allocate(Parameter parameter) {
        return arena.allocate(parameter.elements() * Float.BYTES, 64);
    }
}
