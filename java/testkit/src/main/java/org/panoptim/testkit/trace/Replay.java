package org.panoptim.testkit.trace;

import org.panoptim.Optimizer;
import org.panoptim.backend.Backend;
import org.panoptim.parameter.Output;
import org.panoptim.parameter.Parameter;
import org.panoptim.rule.Slot;
import org.panoptim.safetensors.SafetensorsWriter;
import org.panoptim.tensor.DType;
import org.panoptim.tensor.Shape;
import org.panoptim.tensor.StateTensor;
import org.panoptim.testkit.BackendMemory;
import org.panoptim.testkit.BackendTensor;
import org.panoptim.testkit.EvaluationPoint;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.SequencedMap;
import java.util.Set;

/**
 * Applies a trace's gradients to its parameters. Memory holds the parameters, their states and
 * averages, and the gradients and curvatures of one step.
 */
public final class Replay implements AutoCloseable {

    private static final String GROUP = "all";

    /** A parameter and where the gradient and curvature of each step are read to. */
    private record Tensor(
            Parameter parameter,
            BackendTensor value,
            BackendTensor gradient,
            Optional<BackendTensor> curvature,
            Optional<BackendTensor> average) {}

    private final BackendMemory memory;
    private final Trace trace;
    private final SequencedMap<String, Tensor> tensors = new LinkedHashMap<>();
    private final Optimizer optimizer;

    /**
     * Makes the parameters at their initial values.
     *
     * @param trace where gradients are read from; the caller closes it and the backend
     */
    public Replay(Trace trace, Backend backend) throws IOException {
        this.trace = trace;
        memory = new BackendMemory(backend);
        try {
            for (var name : trace.parameters()) {
                tensors.put(name, tensor(name));
            }
            optimizer =
                    trace.configured()
                            .optimizer()
                            .group(GROUP, tensors.values().stream().map(Tensor::parameter).toList())
                            .backend(backend)
                            .build();
        } catch (IOException | RuntimeException e) {
            memory.close();
            throw e;
        }
    }

    private Tensor tensor(String name) throws IOException {
        long elements = trace.byteSize(name) / Float.BYTES;
        var value = memory.allocate(elements);
        var average =
                trace.configured().options().averages()
                        ? Optional.of(memory.allocate(elements))
                        : Optional.<BackendTensor>empty();
        try (var arena = Arena.ofConfined()) {
            var values = arena.allocate(trace.byteSize(name), Float.BYTES);
            trace.readValue(name, values);
            value.write(values);
            average.ifPresent(tensor -> tensor.write(values));
        }
        var parameter = Parameter.of(name, new Shape(trace.shape(name)), value.memory());
        return new Tensor(
                average.map(tensor -> new Output(DType.F32, tensor.memory()))
                        .map(parameter::averagedIn)
                        .orElse(parameter),
                value,
                memory.allocate(elements),
                trace.hasCurvature(name)
                        ? Optional.of(memory.allocate(elements))
                        : Optional.empty(),
                average);
    }

    /** Takes all of the trace's steps. */
    public void run() throws IOException {
        for (long step = 1; step <= trace.steps(); step++) {
            step(step);
        }
    }

    /** Takes a step with the gradients of that number, from 1. */
    public void step(long number) throws IOException {
        for (var tensor : tensors.values()) {
            load(number, tensor);
        }
        optimizer.step();
    }

    private void load(long step, Tensor tensor) throws IOException {
        var parameter = tensor.parameter();
        try (var arena = Arena.ofConfined()) {
            var values = arena.allocate(parameter.value().byteSize(), Float.BYTES);
            if (trace.readGradient(step, parameter.name(), values)) {
                tensor.gradient().write(values);
                parameter.gradient(tensor.gradient().memory());
            } else {
                parameter.clearGradient();
            }
            if (tensor.curvature().isPresent()
                    && trace.readCurvature(step, parameter.name(), values)) {
                var curvature = tensor.curvature().get();
                curvature.write(values);
                parameter.curvature(curvature.memory());
            }
        }
    }

    /**
     * A copy of a parameter's value.
     *
     * @throws IllegalArgumentException if the trace has no such parameter
     */
    public float[] value(String parameter) {
        return find(parameter).value().toArray();
    }

    /**
     * A copy of a parameter's moving average.
     *
     * @throws IllegalArgumentException if the trace has no such parameter, or asks for no averages
     */
    public float[] average(String parameter) {
        return find(parameter)
                .average()
                .orElseThrow(() -> new IllegalArgumentException("there are no averages"))
                .toArray();
    }

    /**
     * A state of a parameter, of the rule or a companion.
     *
     * @throws IllegalArgumentException if there is none
     */
    public StateTensor state(String parameter, String slot) {
        return optimizer.state(parameter, slot);
    }

    /**
     * A state that the rule or a companion keeps for itself.
     *
     * @throws IllegalArgumentException if there is none
     */
    public StateTensor ruleState(String slot) {
        return optimizer.ruleState(GROUP, slot);
    }

    /** How many steps a parameter has taken part in. */
    public long count(String parameter) {
        return optimizer.report().counts().getOrDefault(parameter, 0L);
    }

    private Tensor find(String parameter) {
        var tensor = tensors.get(parameter);
        if (tensor == null) {
            throw new IllegalArgumentException("there is no parameter '" + parameter + "'");
        }
        return tensor;
    }

    /**
     * Copies of the parameters where they are evaluated, by name; none if that is where they are
     * trained ({@link EvaluationPoint}). Afterwards the parameters have the bits that they had.
     */
    public SequencedMap<String, float[]> evaluated() {
        var there = new LinkedHashMap<String, float[]>();
        if (EvaluationPoint.isApart(trace.rule())) {
            var trained = copies();
            EvaluationPoint.visit(optimizer, trace.rule(), () -> there.putAll(copies()));
            // The way back rounds.
            trained.forEach((name, values) -> find(name).value().write(values));
        }
        return there;
    }

    private SequencedMap<String, float[]> copies() {
        var copies = new LinkedHashMap<String, float[]>();
        tensors.forEach((name, tensor) -> copies.put(name, tensor.value().toArray()));
        return copies;
    }

    /**
     * Writes {@code param/NAME} and {@code state/SLOT/NAME}, where a parameter has them its average
     * {@code ema/NAME} and what is evaluated, {@code eval/NAME}, with the trace's metadata. The
     * same bits give the same file.
     */
    public void write(Path file) throws IOException {
        var writer = new SafetensorsWriter().metadata(trace.metadata());
        tensors.forEach((name, tensor) -> add(writer, "param/" + name, tensor, tensor.value()));
        evaluated()
                .forEach(
                        (name, values) ->
                                writer.tensor(
                                        "eval/" + name,
                                        DType.F32,
                                        find(name).parameter().shape().dimensions(),
                                        MemorySegment.ofArray(values)));
        tensors.forEach(
                (name, tensor) ->
                        tensor.average()
                                .ifPresent(average -> add(writer, "ema/" + name, tensor, average)));
        for (var state : states()) {
            writer.tensor(
                    name(state),
                    state.dtype(),
                    state.shape().dimensions(),
                    (chunk, offset) -> state.read(offset, chunk));
        }
        writer.write(file);
    }

    private static void add(
            SafetensorsWriter writer, String name, Tensor tensor, BackendTensor values) {
        writer.tensor(
                name,
                DType.F32,
                tensor.parameter().shape().dimensions(),
                (chunk, offset) -> values.read(offset, chunk));
    }

    private static String name(StateTensor state) {
        return state.isOfRule()
                ? "rule/" + state.slot()
                : "state/" + state.slot() + "/" + state.parameter();
    }

    /** All states: by slot those of the parameters, or the rule's. */
    public List<StateTensor> states() {
        var states = new ArrayList<StateTensor>();
        for (var slot : slots()) {
            if (!slot.extent().isOfParameter()) {
                states.add(ruleState(slot.name()));
                continue;
            }
            for (var tensor : tensors.values()) {
                var parameter = tensor.parameter();
                if (slot.isKept() && trace.rule().slots(parameter.shape()).contains(slot)) {
                    states.add(state(parameter.name(), slot.name()));
                }
            }
        }
        return states;
    }

    /** Those of the rule, and of the parameters where states depend on their shapes. */
    private Set<Slot> slots() {
        var slots = new LinkedHashSet<>(trace.rule().slots());
        for (var tensor : tensors.values()) {
            slots.addAll(trace.rule().slots(tensor.parameter().shape()));
        }
        return slots;
    }

    /** Frees the parameters and states. */
    @Override
    public void close() {
        optimizer.close();
        memory.close();
    }
}
