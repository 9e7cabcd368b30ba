package org.panoptim.tests.traces;

import org.panoptim.Backend;
import org.panoptim.HostMemory;
import org.panoptim.Optimizer;
import org.panoptim.Parameter;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import java.util.Optional;

/** A trace's gradients, fed to an optimizer on a backend. */
final class Replay implements AutoCloseable {

    private final Trace trace;
    private final Arena arena = Arena.ofShared();
    private final Backend backend;
    private final List<Parameter> parameters;
    private final Optimizer optimizer;

    Replay(Trace trace, Backend backend) {
        this.trace = trace;
        this.backend = backend;
        this.parameters =
                trace.parameters().stream()
                        .map(
                                name ->
                                        Parameter.of(
                                                name,
                                                trace.start(name).shape(),
                                                copy(trace.start(name))))
                        .toList();
        this.optimizer =
                Optimizer.builder(trace.rule()).group("all", parameters).backend(backend).build();
    }

    private MemorySegment copy(Trace.Tensor tensor) {
        return arena.allocateFrom(ValueLayout.JAVA_FLOAT, tensor.values());
    }

    /** Takes a step, from 1. */
    void step(int number) {
        for (var parameter : parameters) {
            trace.gradient(number, parameter.name())
                    .ifPresentOrElse(
                            gradient -> parameter.gradient(copy(gradient)),
                            parameter::clearGradient);
            trace.curvature(number, parameter.name())
                    .ifPresent(curvature -> parameter.curvature(copy(curvature)));
        }
        optimizer.step();
    }

    List<Parameter> parameters() {
        return parameters;
    }

    float[] value(Parameter parameter) {
        return ((HostMemory) parameter.value()).segment().toArray(ValueLayout.JAVA_FLOAT);
    }

    /** A state, unless the parameter has not taken a step. */
    Optional<float[]> state(Parameter parameter, String slot) {
        return optimizer.report().counts().getOrDefault(parameter.name(), 0L) == 0
                ? Optional.empty()
                : Optional.of(optimizer.state(parameter.name(), slot).toArray());
    }

    @Override
    public void close() {
        optimizer.close();
        backend.close();
        arena.close();
    }
}
