package org.panoptim.bench;

import org.panoptim.Optimizer;
import org.panoptim.backend.Backend;
import org.panoptim.memory.FloatView;
import org.panoptim.parameter.Output;
import org.panoptim.parameter.Parameter;
import org.panoptim.tensor.Shape;
import org.panoptim.tensor.StateTensor;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.TreeMap;

/**
 * Checks the result of the steps that were timed: repeats them for a sample of elements on the
 * reference backend and requires the same bits, all NaNs counted as one value. AdamW works element
 * by element, so a sample suffices; where a norm of all gradients is part of the scenario, the
 * check covers only that gradients are zero and that parameters are finite and moved.
 */
final class ResultCheck {

    private static final int MOST_ELEMENTS = 512;

    /**
     * The reference repeats no more steps than these. The gradients stay the same, so that the
     * moments approach them from one side and have reached their last bit long before; for the
     * parameters, which go on, the check is then only that they moved.
     */
    private static final long MOST_STEPS = 100_000;

    /** Steps times elements that the reference computes. */
    private static final long MOST_UPDATES = 10_000_000;

    private final StepFixture fixture;
    private final Scenario scenario;
    private final boolean statesAlone;
    private final List<Sample> elements = new ArrayList<>();

    private record Sample(int group, int tensor, long index, float value, float gradient) {}

    /**
     * Samples elements before the first step.
     *
     * @param statesAlone whether others change the parameters, too
     */
    ResultCheck(StepFixture fixture, boolean statesAlone) {
        this.fixture = fixture;
        this.scenario = fixture.scenario();
        this.statesAlone = statesAlone;
        var model = fixture.model();
        int tensors = model.parameters().size();
        // The first element of many tensors; of few, more of each.
        int each = Math.ceilDiv(MOST_ELEMENTS, tensors);
        int tensor = 0;
        for (int group = 0; group < model.groups().size(); group++) {
            for (var parameter : model.groups().get(group)) {
                long count = parameter.elements();
                for (int i = 0; i < Math.min(each, count); i++) {
                    sample(group, tensor, i * (count / Math.min(each, count)));
                }
                tensor++;
            }
        }
    }

    private void sample(int group, int tensor, long index) {
        var model = fixture.model();
        elements.add(
                new Sample(
                        group,
                        tensor,
                        index,
                        model.value(tensor, index),
                        model.gradient(tensor, index)));
    }

    /**
     * Compares the elements with the reference.
     *
     * @throws IllegalStateException if an element is not what the reference makes of it
     */
    void check() {
        if (scenario == Scenario.CLIP_STEP_ZERO) {
            elements.forEach(this::requireZeroed);
            elements.forEach(this::requireMoved);
        } else {
            checkAgainstReference();
        }
    }

    private void requireZeroed(Sample sample) {
        float gradient = fixture.model().gradient(sample.tensor, sample.index);
        require(sample, gradient == 0, "its gradient is " + gradient + " after zeroing");
    }

    private void requireMoved(Sample sample) {
        float value = fixture.model().value(sample.tensor, sample.index);
        require(sample, Float.isFinite(value), "it is " + value);
        require(sample, value != sample.value || fixture.steps() == 0, "no step has changed it");
    }

    private void checkAgainstReference() {
        long steps = Math.min(fixture.steps(), MOST_STEPS);
        long affordable = MOST_UPDATES / Math.max(1, steps);
        var chosen = elements.subList(0, Math.clamp(affordable, 1, elements.size()));
        try (var arena = Arena.ofConfined();
                var reference = Backend.named("reference")) {
            var byGroup = new TreeMap<Integer, List<Sample>>();
            chosen.forEach(
                    sample ->
                            byGroup.computeIfAbsent(sample.group, _ -> new ArrayList<>())
                                    .add(sample));
            var replicas = new ArrayList<List<Parameter>>();
            for (int group = 0; group < fixture.model().groups().size(); group++) {
                var sample = byGroup.getOrDefault(group, List.of());
                replicas.add(sample.isEmpty() ? List.of() : List.of(replica(group, sample, arena)));
            }
            try (var optimizer = StepFixture.optimizer(scenario, replicas, reference)) {
                for (long step = 0; step < steps; step++) {
                    // A refused step changes nothing, and its infinite gradient is not a replica's.
                    if (!StepFixture.isRefused(scenario, step)) {
                        optimizer.step();
                    }
                }
                byGroup.forEach(
                        (group, sample) ->
                                compare(
                                        sample,
                                        replicas.get(group).getFirst(),
                                        optimizer,
                                        steps == fixture.steps()));
            }
        }
    }

    private void compare(List<Sample> all, Parameter replica, Optimizer reference, boolean whole) {
        for (int i = 0; i < all.size(); i++) {
            var sample = all.get(i);
            var name = fixture.model().parameters().get(sample.tensor).name();
            for (var slot : List.of("exp_avg", "exp_avg_sq")) {
                requireSame(
                        sample,
                        slot,
                        read(fixture.optimizer().state(name, slot), sample.index),
                        read(reference.state(replica.name(), slot), i));
            }
            if (statesAlone || !whole) {
                requireMoved(sample);
            } else {
                requireSame(
                        sample,
                        "the parameter",
                        fixture.model().value(sample.tensor, sample.index),
                        HostTensors.values(replica).get(i));
                compareOutputs(sample, replica, i);
            }
        }
    }

    private void compareOutputs(Sample sample, Parameter replica, int index) {
        var outputs = fixture.model().parameters().get(sample.tensor).outputs();
        replica.outputs()
                .forEach(
                        (name, expected) ->
                                requireSame(
                                        sample,
                                        "the " + name,
                                        element(outputs.get(name), sample.index),
                                        element(expected, index)));
    }

    private static float element(Output output, long index) {
        return FloatView.of(output.memory(), output.type()).get(index);
    }

    /** One tensor for all chosen elements of a group. */
    private Parameter replica(int group, List<Sample> chosen, Arena arena) {
        var replica =
                HostTensors.parameter("replica" + group, Shape.of(chosen.size()), scenario, arena);
        for (int i = 0; i < chosen.size(); i++) {
            HostTensors.values(replica).set(i, chosen.get(i).value);
            HostTensors.gradients(replica).set(i, chosen.get(i).gradient);
        }
        return replica;
    }

    private static float read(StateTensor state, long index) {
        var value = new float[1];
        state.read(index * Float.BYTES, MemorySegment.ofArray(value));
        return value[0];
    }

    private void requireSame(Sample sample, String what, float actual, float expected) {
        require(
                sample,
                Float.floatToIntBits(actual) == Float.floatToIntBits(expected),
                "%s is %s after %d steps, and the reference's is %s"
                        .formatted(what, actual, fixture.steps(), expected));
    }

    private void require(Sample sample, boolean holds, String otherwise) {
        if (!holds) {
            throw new IllegalStateException(
                    "element %d of tensor %d: %s"
                            .formatted(sample.index, sample.tensor, otherwise));
        }
    }
}
