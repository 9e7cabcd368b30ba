package org.panoptim.tests.equivalence;

import org.panoptim.rule.Element;
import org.panoptim.rule.ElementUpdate;
import org.panoptim.rule.Preparation;
import org.panoptim.rule.Reduction;
import org.panoptim.rule.RuleDescriptor;
import org.panoptim.rule.Slot;
import org.panoptim.rule.Slot.Extent;
import org.panoptim.rule.UpdateRule;

import java.util.List;

/**
 * A rule with states of every extent: of each element, which begins as the parameter, each row,
 * each column, the tensor and the rule. The native twin is {@code tests/native/test_states.cuh},
 * where the formula stands.
 */
public record TestStates(double learningRate, double beta) implements UpdateRule {

    private static final RuleDescriptor<TestStates> DESCRIPTOR =
            RuleDescriptor.of(TestStates.class, "made for the test")
                    .learningRate(1, TestStates::learningRate)
                    .decay("beta", 0.5, TestStates::beta)
                    .build(v -> new TestStates(v.number(), v.number()));

    private static final int ANCHOR = 0;
    private static final int ROW_SCALE = 1;
    private static final int COLUMN_SCALE = 2;
    private static final int DECAYED = 3;
    private static final int STEPS = 4;
    private static final int TOTAL = 5;
    private static final int SQUARE = 0;

    @Override
    public RuleDescriptor<TestStates> descriptor() {
        return DESCRIPTOR;
    }

    @Override
    public String name() {
        return "test-states";
    }

    @Override
    public TestStates atLearningRate(double value) {
        return DESCRIPTOR.with(this, "lr", value);
    }

    @Override
    public boolean takesMomentum() {
        return false;
    }

    @Override
    public List<Slot> slots() {
        return List.of(
                new Slot("anchor").startingAtParameter(),
                new Slot("row_scale", Extent.ROW).startingAt(1),
                new Slot("column_scale", Extent.COLUMN).startingAt(0.5),
                new Slot("decayed", Extent.TENSOR).startingAt(1),
                new Slot("steps", Extent.RULE),
                new Slot("total", Extent.RULE).startingAt(0.25));
    }

    @Override
    public int phases() {
        return 2;
    }

    @Override
    public List<Reduction> reductions() {
        return List.of(new Reduction("square", Reduction.Scope.ALL));
    }

    @Override
    public void settle(int phase, Preparation preparation) {
        if (phase == 0) {
            preparation.state(STEPS, preparation.state(STEPS) + 1);
        } else {
            double norm = Math.sqrt(preparation.reduction(SQUARE));
            preparation.state(TOTAL, beta * preparation.state(TOTAL) + norm);
        }
    }

    @Override
    public ElementUpdate prepare(int phase, Preparation preparation) {
        if (phase == 0) {
            preparation.state(DECAYED, beta * preparation.state(DECAYED));
            return TestStates::pull;
        }
        double rate = preparation.rate(learningRate);
        double divisor = (1 + preparation.state(TOTAL)) * preparation.state(STEPS);
        return new Descent((float) (rate * (1 - preparation.state(DECAYED)) / divisor));
    }

    private static float direction(Element element) {
        return element.state(ROW_SCALE) * element.state(COLUMN_SCALE) * element.gradient();
    }

    private static void pull(Element element) {
        float anchor = element.state(ANCHOR);
        element.state(ANCHOR, anchor + (element.parameter() - anchor) * 0.5f);
        float direction = direction(element);
        element.reduce(SQUARE, direction, direction);
    }

    private record Descent(float step) implements ElementUpdate {

        @Override
        public void update(Element element) {
            float p = element.parameter();
            element.parameter(p - step * direction(element) - (p - element.state(ANCHOR)) * 0.25f);
        }
    }
}
