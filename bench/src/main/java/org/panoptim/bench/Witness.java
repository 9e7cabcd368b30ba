package org.panoptim.bench;

import org.panoptim.Backend;
import org.panoptim.HostMemory;
import org.panoptim.Optimizer;
import org.panoptim.Parameter;
import org.panoptim.Shape;
import org.panoptim.StateTensor;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.TreeMap;

/**
 * Sees that the steps that were timed were taken: repeats them for some elements on the reference
 * backend and demands the same bits, all NaNs counted as one value. AdamW works element by element,
 * so some suffice; where a norm of all gradients is part of the work, it sees only that they are
 * zero and that parameters are finite and moved.
 */
final class Witness {

    private static final int MOST_ELEMENTS = 512;

    /**
     * The reference repeats no more steps than these. The gradients stay the same, so that the
     * moments approach them from one side and have reached their last bit long before; of the
     * parameters, which go on, it is then only seen that they moved.
     */
    private static final long MOST_STEPS = 100_000;

    /** Steps times elements that the reference is asked for. */
    private static final long MOST_UPDATES = 10_000_000;

    private final Subject subject;
    private final Work work;
    private final boolean statesAlone;
    private final List<Seen> elements = new ArrayList<>();

    private record Seen(int group, int tensor, long index, float value, float gradient) {}

    /**
     * Remembers elements as they are before the first step.
     *
     * @param statesAlone whether others change the parameters, too
     */
    Witness(Subject subject, boolean statesAlone) {
        this.subject = subject;
        this.work = subject.work();
        this.statesAlone = statesAlone;
        var model = subject.model();
        int tensors = model.parameters().size();
        // The first element of many tensors; of few, more of each.
        int each = Math.ceilDiv(MOST_ELEMENTS, tensors);
        int tensor = 0;
        for (int group = 0; group < model.groups().size(); group++) {
            for (var parameter : model.groups().get(group)) {
                long count = parameter.elements();
                for (int i = 0; i < Math.min(each, count); i++) {
                    look(group, tensor, i * (count / Math.min(each, count)));
                }
                tensor++;
            }
        }
    }

    private void look(int group, int tensor, long index) {
        var model = subject.model();
        elements.add(
                new Seen(
                        group,
                        tensor,
                        index,
                        model.value(tensor, index),
                        model.gradient(tensor, index)));
    }

    /**
     * Looks again.
     *
     * @throws IllegalStateException if an element is not what the reference makes of it
     */
    void check() {
        if (work == Work.CLIP_STEP_ZERO) {
            elements.forEach(this::requireZeroed);
            elements.forEach(this::requireMoved);
        } else {
            checkAgainstReference();
        }
    }

    private void requireZeroed(Seen seen) {
        float gradient = subject.model().gradient(seen.tensor, seen.index);
        require(seen, gradient == 0, "its gradient is " + gradient + " after zeroing");
    }

    private void requireMoved(Seen seen) {
        float value = subject.model().value(seen.tensor, seen.index);
        require(seen, Float.isFinite(value), "it is " + value);
        require(seen, value != seen.value || subject.steps() == 0, "no step has changed it");
    }

    private void checkAgainstReference() {
        long steps = Math.min(subject.steps(), MOST_STEPS);
        long affordable = MOST_UPDATES / Math.max(1, steps);
        var chosen = elements.subList(0, Math.clamp(affordable, 1, elements.size()));
        try (var arena = Arena.ofConfined();
                var reference = Backend.named("reference")) {
            var byGroup = new TreeMap<Integer, List<Seen>>();
            chosen.forEach(
                    seen -> byGroup.computeIfAbsent(seen.group, _ -> new ArrayList<>()).add(seen));
            var twins = new ArrayList<List<Parameter>>();
            for (int group = 0; group < subject.model().groups().size(); group++) {
                var seen = byGroup.getOrDefault(group, List.of());
                twins.add(seen.isEmpty() ? List.of() : List.of(twin(group, seen, arena)));
            }
            try (var optimizer = Subject.optimizer(work, twins, reference)) {
                for (long step = 0; step < steps; step++) {
                    // A refused step changes nothing, and its infinite gradient is not a twin's.
                    if (!Subject.isRefused(work, step)) {
                        optimizer.step();
                    }
                }
                byGroup.forEach(
                        (group, seen) ->
                                compare(
                                        seen,
                                        twins.get(group).getFirst(),
                                        optimizer,
                                        steps == subject.steps()));
            }
        }
    }

    private void compare(List<Seen> all, Parameter twin, Optimizer reference, boolean whole) {
        for (int i = 0; i < all.size(); i++) {
            var seen = all.get(i);
            var name = subject.model().parameters().get(seen.tensor).name();
            for (var slot : List.of("exp_avg", "exp_avg_sq")) {
                requireSame(
                        seen,
                        slot,
                        read(subject.optimizer().state(name, slot), seen.index),
                        read(reference.state(twin.name(), slot), i));
            }
            if (statesAlone || !whole) {
                requireMoved(seen);
            } else {
                requireSame(
                        seen,
                        "the parameter",
                        subject.model().value(seen.tensor, seen.index),
                        ((HostMemory) twin.value())
                                .segment()
                                .getAtIndex(ValueLayout.JAVA_FLOAT, i));
            }
        }
    }

    /** One tensor for all chosen elements of a group. */
    private static Parameter twin(int group, List<Seen> chosen, Arena arena) {
        var value = arena.allocate(ValueLayout.JAVA_FLOAT, chosen.size());
        var gradient = arena.allocate(ValueLayout.JAVA_FLOAT, chosen.size());
        for (int i = 0; i < chosen.size(); i++) {
            value.setAtIndex(ValueLayout.JAVA_FLOAT, i, chosen.get(i).value);
            gradient.setAtIndex(ValueLayout.JAVA_FLOAT, i, chosen.get(i).gradient);
        }
        return Parameter.of("twin" + group, Shape.of(chosen.size()), value).gradient(gradient);
    }

    private static float read(StateTensor state, long index) {
        var value = new float[1];
        state.read(index * Float.BYTES, MemorySegment.ofArray(value));
        return value[0];
    }

    private void requireSame(Seen seen, String what, float found, float expected) {
        require(
                seen,
                Float.floatToIntBits(found) == Float.floatToIntBits(expected),
                "%s is %s after %d steps, and the reference's is %s"
                        .formatted(what, found, subject.steps(), expected));
    }

    private void require(Seen seen, boolean holds, String otherwise) {
        if (!holds) {
            throw new IllegalStateException(
                    "element %d of tensor %d: %s".formatted(seen.index, seen.tensor, otherwise));
        }
    }
}
