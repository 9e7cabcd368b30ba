package org.panoptim.internal.checkpoint;

import org.panoptim.parameter.ParameterGroup;
import org.panoptim.rule.MatrixView;
import org.panoptim.rule.Slot;
import org.panoptim.spi.CurvatureTransform;
import org.panoptim.spi.Execution;
import org.panoptim.spi.Shares;
import org.panoptim.spi.StepPlan;
import org.panoptim.tensor.StateTensor;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SequencedMap;
import java.util.function.Function;

/** Finds all states that outlast a step. */
final class StateParts {

    private final SequencedMap<String, StatePart> found = new LinkedHashMap<>();

    private StateParts() {}

    /** The states by the names that they have in a checkpoint, in its order. */
    static SequencedMap<String, StatePart> of(
            StepPlan plan, Execution execution, List<CompanionStates> companions) {
        var parts = new StateParts();
        parts.add(plan.groups(), execution, plan.shares(), StateParts::name);
        plan.curvature().ifPresent(parts::add);
        for (var companion : companions) {
            parts.add(companion.groups(), companion.execution(), plan.shares(), companion::name);
        }
        return parts.found;
    }

    /** States that are here as a whole, by the names that they have in a checkpoint. */
    static SequencedMap<String, StatePart> whole(Map<String, StateTensor> states) {
        var parts = new LinkedHashMap<String, StatePart>();
        states.forEach((name, state) -> parts.put(name, StatePart.whole(name, state)));
        return parts;
    }

    private void add(CurvatureTransform transform) {
        var states = transform.states();
        var shapes = transform.stateShapes();
        // Whoever owns parameters whole has what is kept of these; else all have the same.
        boolean common = transform.wholeParameters().map(List::isEmpty).orElse(true);
        for (int i = 0; i < states.size(); i++) {
            add(new StatePart(name(states.get(i)), shapes.get(i), 0, common, states.get(i)));
        }
    }

    private void add(
            List<ParameterGroup> groups,
            Execution execution,
            Shares shares,
            Function<StateTensor, String> names) {
        for (var group : groups) {
            var view = MatrixView.of(group.rule());
            for (var parameter : group.parameters()) {
                var slots = group.rule().slots(parameter.shape());
                for (int i = 0; i < slots.size(); i++) {
                    var extent = slots.get(i).extent();
                    if (extent.isOfParameter() && slots.get(i).isKept()) {
                        var state = execution.state(parameter, i);
                        boolean ofElements = extent == Slot.Extent.ELEMENT;
                        add(
                                new StatePart(
                                        names.apply(state),
                                        extent.shape(parameter.shape(), view),
                                        ofElements ? shares.begin(parameter) : 0,
                                        extent == Slot.Extent.TENSOR,
                                        state));
                    }
                }
            }
            for (int i = 0; i < group.rule().slots().size(); i++) {
                if (!group.rule().slots().get(i).extent().isOfParameter()) {
                    var state = execution.ruleState(group.name(), i);
                    add(StatePart.whole(names.apply(state), state));
                }
            }
        }
    }

    private void add(StatePart part) {
        found.put(part.name(), part);
    }

    /** What a state of a rule or a transform is called. */
    static String name(StateTensor state) {
        return state.isOfRule()
                ? "rule/" + state.slot() + "/" + state.parameter()
                : name(state.slot(), state.parameter());
    }

    /** What a state of a parameter is called. */
    static String name(String slot, String parameter) {
        return "state/" + slot + "/" + parameter;
    }
}
