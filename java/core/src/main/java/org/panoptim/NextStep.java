package org.panoptim;

import org.panoptim.parameter.Parameter;
import org.panoptim.parameter.ParameterGroup;
import org.panoptim.rule.Preparation;
import org.panoptim.rule.Slot;
import org.panoptim.spi.Execution;
import org.panoptim.spi.StepPlan;

import java.lang.foreign.MemorySegment;

/** The next step of a parameter, as its rule is asked about it. */
final class NextStep {

    private NextStep() {}

    /**
     * What is known of it before it is taken; waits on a device.
     *
     * @param companionFactor what companions multiply the group's learning rate by
     */
    static Preparation of(
            StepPlan plan,
            Execution execution,
            ParameterGroup group,
            Parameter parameter,
            double companionFactor) {
        long step = execution.observed().counters().step() + 1;
        var slots = group.rule().slots(parameter.shape());
        var states = new MemorySegment[slots.size()];
        for (int i = 0; i < states.length; i++) {
            var extent = slots.get(i).extent();
            double value =
                    switch (extent) {
                        case TENSOR -> execution.state(parameter, i).value();
                        case RULE ->
                                execution
                                        .ruleState(group.name(), place(group, slots.get(i)))
                                        .value();
                        case ELEMENT, ROW, COLUMN -> 0;
                    };
            states[i] = MemorySegment.ofArray(new double[] {value});
        }
        return new Preparation(
                plan.rateFactor(step) * companionFactor,
                plan.momentum(step),
                step,
                execution.count(parameter) + 1,
                parameter.shape(),
                slots,
                Slot.Extent.TENSOR,
                states);
    }

    /** Where a rule's own state stands among its slots, which are not those of every shape. */
    private static int place(ParameterGroup group, Slot slot) {
        return group.rule().slots().stream().map(Slot::name).toList().indexOf(slot.name());
    }
}
