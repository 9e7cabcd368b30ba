package org.panoptim.tests.equivalence;

import org.panoptim.rule.Element;
import org.panoptim.rule.ElementUpdate;
import org.panoptim.rule.Pass;
import org.panoptim.rule.Preparation;
import org.panoptim.rule.Reduction;
import org.panoptim.rule.RuleDescriptor;
import org.panoptim.rule.Slot;
import org.panoptim.rule.Slot.Extent;
import org.panoptim.rule.UpdateRule;

import java.util.List;

/**
 * A rule with passes beside its step: an average that is swapped with the parameter and back, and a
 * push along the gradient; late, with a phase more in its step. The native twin is {@code
 * tests/native/test_averaged.cuh}, where the formula stands.
 */
public record TestAveraged(double learningRate, boolean maximize, boolean late)
        implements UpdateRule {

    static final String IN = "average_in";
    static final String OUT = "average_out";
    static final String PUSH = "push";

    private static final RuleDescriptor<TestAveraged> DESCRIPTOR =
            RuleDescriptor.of(TestAveraged.class, "made for the test")
                    .learningRate(1, TestAveraged::learningRate)
                    .flag("maximize", TestAveraged::maximize)
                    .flag("late", TestAveraged::late)
                    .build(v -> new TestAveraged(v.number(), v.flag(), v.flag()));

    private static final int AVERAGE = 0;
    private static final int DISTANCE = 1;
    private static final int SWAPS = 2;
    private static final int FARTHEST = 3;
    private static final int APART = 0;
    private static final int ALL = 1;

    @Override
    public RuleDescriptor<TestAveraged> descriptor() {
        return DESCRIPTOR;
    }

    @Override
    public String name() {
        return "test-averaged";
    }

    @Override
    public String kernelName() {
        return late ? "test_averaged_late" : "test_averaged";
    }

    @Override
    public int phases() {
        return late ? 2 : 1;
    }

    @Override
    public TestAveraged atLearningRate(double value) {
        return DESCRIPTOR.with(this, "lr", value);
    }

    @Override
    public boolean takesMomentum() {
        return false;
    }

    @Override
    public List<Slot> slots() {
        return List.of(
                new Slot("average").startingAtParameter(),
                new Slot("distance", Extent.TENSOR),
                new Slot("swaps", Extent.RULE),
                new Slot("farthest", Extent.RULE));
    }

    @Override
    public List<Pass> passes() {
        return List.of(
                Pass.overAll(IN, 2).closedBy(OUT),
                Pass.overAll(OUT, 1),
                Pass.overGradients(PUSH, 1));
    }

    @Override
    public List<Reduction> reductions() {
        return List.of(
                new Reduction("apart", Reduction.Scope.TENSOR, phases()),
                new Reduction("all", Reduction.Scope.ALL, phases()));
    }

    @Override
    public void settle(int phase, Preparation preparation) {
        if (phase == phases()) {
            preparation.state(SWAPS, preparation.state(SWAPS) + 1);
        } else if (phase == phases() + 1) {
            double norm = Math.sqrt(preparation.reduction(ALL));
            preparation.state(FARTHEST, preparation.state(FARTHEST) + norm);
        }
    }

    @Override
    public ElementUpdate prepare(int phase, Preparation preparation) {
        double rate = preparation.rate(learningRate);
        // Behind the step's last.
        switch (phase - (phases() - 1)) {
            case -1:
                return _ -> {};
            case 0:
                return new Descent((float) rate, (float) (1.0 / preparation.count()));
            case 1:
                return TestAveraged::compare;
            case 2:
                preparation.state(DISTANCE, Math.sqrt(preparation.reduction(APART)));
                return TestAveraged::swap;
            case 3:
                return TestAveraged::swap;
            default:
                return new Push(
                        (float) (rate * preparation.step()),
                        (float) (1.0 / (preparation.count() + 1)));
        }
    }

    private static void compare(Element element) {
        float apart = element.parameter() - element.state(AVERAGE);
        element.reduce(APART, apart, apart);
        element.reduce(ALL, apart, apart);
    }

    private static void swap(Element element) {
        float p = element.parameter();
        element.parameter(element.state(AVERAGE));
        element.state(AVERAGE, p);
    }

    private record Descent(float rate, float weight) implements ElementUpdate {

        @Override
        public void update(Element element) {
            float p = element.parameter() - rate * element.gradient();
            float mean = element.state(AVERAGE);
            element.parameter(p);
            element.state(AVERAGE, mean + (p - mean) * weight);
        }
    }

    private record Push(float rate, float weight) implements ElementUpdate {

        @Override
        public void update(Element element) {
            element.parameter(element.parameter() + (rate * element.gradient()) * weight);
        }
    }
}
