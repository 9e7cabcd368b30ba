package org.panoptim.tests.small;

import org.panoptim.Optimizer;
import org.panoptim.rule.Slot;
import org.panoptim.rule.UpdateRule;
import org.panoptim.tensor.DType;
import org.panoptim.tensor.StateTensor;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.IntStream;

/** What steps have made of states and counts: of a sample of tensors, of the rule, and of all. */
final class Outcome {

    /** Every so many tensors one is asked for its states. */
    private static final int STRIDE = 487;

    private final Map<String, List<Double>> states = new TreeMap<>();
    private final Map<String, Long> counts = new HashMap<>();

    /**
     * Adds those of an optimizer with one group, of tensors from a number on and before another.
     */
    void add(Optimizer optimizer, Routine routine, int from, int to) {
        for (var rule : routine.keepers()) {
            IntStream.range(from, to)
                    .filter(i -> i % STRIDE == 0)
                    .forEach(i -> addOfTensor(optimizer, rule, i));
        }
        addOfRules(optimizer, routine);
        counts.putAll(optimizer.report().counts());
    }

    /** Adds the states that rule and companions keep for themselves. */
    void addOfRules(Optimizer optimizer, Routine routine) {
        for (var rule : routine.keepers()) {
            for (var slot : rule.slots()) {
                if (slot.extent() == Slot.Extent.RULE && slot.isKept()) {
                    var state = optimizer.ruleState(Routine.GROUP, slot.name());
                    states.put(slot.name(), numbers(state));
                }
            }
        }
    }

    private void addOfTensor(Optimizer optimizer, UpdateRule rule, int tensor) {
        for (var slot : rule.slots(SmallTensors.shape(tensor))) {
            if (slot.extent().isOfParameter() && slot.isKept()) {
                var name = SmallTensors.name(tensor);
                states.put(name + "/" + slot.name(), numbers(optimizer.state(name, slot.name())));
            }
        }
    }

    private static List<Double> numbers(StateTensor state) {
        if (state.dtype() == DType.F64) {
            return List.of(state.value());
        }
        var values = state.toArray();
        return IntStream.range(0, values.length).mapToObj(i -> (double) values[i]).toList();
    }

    Map<String, List<Double>> states() {
        return states;
    }

    Map<String, Long> counts() {
        return counts;
    }
}
