package org.panoptim.cli.replay;

import org.panoptim.Backend;
import org.panoptim.Buffer;
import org.panoptim.DType;
import org.panoptim.Optimizer;
import org.panoptim.Parameter;
import org.panoptim.Shape;
import org.panoptim.safetensors.SafetensorsWriter;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * Applies a trace's gradients to its parameters. Memory holds the parameters, their states, and the
 * gradients and curvatures of one step.
 */
public final class Replay implements AutoCloseable {

    /** A parameter and where the gradient and curvature of each step are read to. */
    private record Tensor(
            Parameter parameter, Buffer value, Buffer gradient, Optional<Buffer> curvature) {}

    private final Backend backend;
    private final List<Buffer> buffers = new ArrayList<>();
    private final Trace trace;
    private final List<Tensor> tensors = new ArrayList<>();
    private final Optimizer optimizer;

    /**
     * Makes the parameters at their initial values.
     *
     * @param trace where gradients are read from; it and the backend stay the caller's
     */
    public Replay(Trace trace, Backend backend) throws IOException {
        this.trace = trace;
        this.backend = backend;
        try {
            for (var name : trace.parameters()) {
                tensors.add(tensor(name));
            }
            optimizer =
                    Optimizer.builder(trace.rule())
                            .group("all", tensors.stream().map(Tensor::parameter).toList())
                            .backend(backend)
                            .build();
        } catch (IOException | RuntimeException e) {
            buffers.forEach(Buffer::close);
            throw e;
        }
    }

    private Tensor tensor(String name) throws IOException {
        long size = trace.byteSize(name);
        var value = allocate(size);
        try (var arena = Arena.ofConfined()) {
            var values = arena.allocate(size, Float.BYTES);
            trace.readValue(name, values);
            value.write(0, values);
        }
        return new Tensor(
                Parameter.of(name, new Shape(trace.shape(name)), value.memory()),
                value,
                allocate(size),
                trace.hasCurvature(name) ? Optional.of(allocate(size)) : Optional.empty());
    }

    private Buffer allocate(long size) {
        var buffer = backend.allocate(size);
        buffers.add(buffer);
        return buffer;
    }

    /** Takes all of the trace's steps. */
    public void run() throws IOException {
        for (long step = 1; step <= trace.steps(); step++) {
            for (var tensor : tensors) {
                load(step, tensor);
            }
            optimizer.step();
        }
    }

    private void load(long step, Tensor tensor) throws IOException {
        var parameter = tensor.parameter();
        try (var arena = Arena.ofConfined()) {
            var values = arena.allocate(parameter.value().byteSize(), Float.BYTES);
            if (trace.readGradient(step, parameter.name(), values)) {
                tensor.gradient().write(0, values);
                parameter.gradient(tensor.gradient().memory());
            } else {
                parameter.clearGradient();
            }
            if (tensor.curvature().isPresent()
                    && trace.readCurvature(step, parameter.name(), values)) {
                var curvature = tensor.curvature().get();
                curvature.write(0, values);
                parameter.curvature(curvature.memory());
            }
        }
    }

    /**
     * Writes {@code param/NAME} and {@code state/SLOT/NAME}, with the trace's metadata. The same
     * bits give the same file.
     */
    public void write(Path file) throws IOException {
        var writer = new SafetensorsWriter().metadata(trace.metadata());
        for (var tensor : tensors) {
            var parameter = tensor.parameter();
            writer.tensor(
                    "param/" + parameter.name(),
                    DType.F32,
                    parameter.shape().dimensions(),
                    (chunk, offset) -> tensor.value().read(offset, chunk));
        }
        for (var slot : trace.rule().slots()) {
            for (var tensor : tensors) {
                var state = optimizer.state(tensor.parameter().name(), slot.name());
                writer.tensor(
                        "state/" + slot.name() + "/" + state.parameter(),
                        state.dtype(),
                        state.shape().dimensions(),
                        (chunk, offset) -> state.read(offset, chunk));
            }
        }
        writer.write(file);
    }

    /** Frees the parameters and states. */
    @Override
    public void close() {
        optimizer.close();
        buffers.forEach(Buffer::close);
    }
}
