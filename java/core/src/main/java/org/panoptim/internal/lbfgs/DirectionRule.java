package org.panoptim.internal.lbfgs;

import org.panoptim.rule.Arithmetic;
import org.panoptim.rule.Element;
import org.panoptim.rule.ElementUpdate;
import org.panoptim.rule.Pass;
import org.panoptim.rule.Preparation;
import org.panoptim.rule.Reduction;
import org.panoptim.rule.RuleDescriptor;
import org.panoptim.rule.RuleSetting;
import org.panoptim.rule.Slot;

import java.util.List;

/**
 * The direction d, which is the parameter, and the gradient g.
 *
 * <p>There is no maximum among the sums that a pass can take, and none is needed: the largest of an
 * array is within a bound if no element is beyond it, and these can be counted. A NaN counts.
 *
 * @param toleranceGrad what no element of a gradient exceeds that counts as zero
 */
public record DirectionRule(double toleranceGrad) implements VectorRule {

    /** d = −g. */
    static final String DESCEND = "descend";

    /** Takes the sums over d and g. */
    static final String MEASURE = "measure";

    /** Counts the elements of factor · d that are beyond the bound. */
    static final String REACH = "reach";

    /** The sum of d g. */
    static final int SLOPE = 0;

    /** The sum of |g|. */
    static final int NORM = 1;

    /** How many elements of g are beyond the tolerance. */
    static final int STEEP = 2;

    /** What {@link #REACH} multiplies by; for the host to set. */
    static final int FACTOR = 3;

    /** What {@link #REACH} compares with; for the host to set. */
    static final int BOUND = 4;

    /** What {@link #REACH} has counted. */
    static final int FAR = 5;

    private static final int SLOPES = 0;
    private static final int NORMS = 1;
    private static final int STEEPS = 2;
    private static final int FARS = 3;

    private static final int DESCENDING = 0;
    private static final int MEASURING = 1;
    private static final int MEASURED = 2;
    private static final int REACHING = 3;
    private static final int REACHED = 4;

    private static final RuleDescriptor<DirectionRule> DESCRIPTOR =
            RuleDescriptor.of(DirectionRule.class, SOURCE)
                    .number(
                            "tolerance_grad",
                            RuleSetting.Range.NON_NEGATIVE,
                            1e-7,
                            DirectionRule::toleranceGrad)
                    .build(v -> new DirectionRule(v.number()));

    /** Checks the tolerance. */
    public DirectionRule {
        DESCRIPTOR.check(toleranceGrad);
    }

    @Override
    public RuleDescriptor<DirectionRule> descriptor() {
        return DESCRIPTOR;
    }

    @Override
    public String name() {
        return "lbfgs-direction";
    }

    @Override
    public List<Slot> slots() {
        return List.of(
                new Slot("slope", Slot.Extent.RULE),
                new Slot("norm", Slot.Extent.RULE),
                new Slot("steep", Slot.Extent.RULE),
                new Slot("factor", Slot.Extent.RULE),
                new Slot("bound", Slot.Extent.RULE),
                new Slot("far", Slot.Extent.RULE));
    }

    @Override
    public List<Pass> passes() {
        return List.of(
                Pass.overGradients(DESCEND, 1),
                Pass.overGradients(MEASURE, 2),
                Pass.overAll(REACH, 2));
    }

    @Override
    public List<Reduction> reductions() {
        return List.of(
                new Reduction("slopes", Reduction.Scope.ALL, MEASURING),
                new Reduction("norms", Reduction.Scope.ALL, MEASURING),
                new Reduction("steeps", Reduction.Scope.ALL, MEASURING),
                new Reduction("fars", Reduction.Scope.ALL, REACHING));
    }

    @Override
    public void settle(int phase, Preparation preparation) {
        if (phase == MEASURED) {
            preparation.state(SLOPE, preparation.reduction(SLOPES));
            preparation.state(NORM, preparation.reduction(NORMS));
            preparation.state(STEEP, preparation.reduction(STEEPS));
        } else if (phase == REACHED) {
            preparation.state(FAR, preparation.reduction(FARS));
        }
    }

    @Override
    public ElementUpdate prepare(int phase, Preparation preparation) {
        return switch (phase) {
            case DESCENDING -> element -> element.parameter(-element.gradient());
            case MEASURING -> new Measuring((float) toleranceGrad);
            case REACHING ->
                    new Reaching(
                            (float) preparation.state(FACTOR), (float) preparation.state(BOUND));
            default -> NOTHING;
        };
    }

    private record Measuring(float tolerance) implements ElementUpdate {

        @Override
        public void update(Element element) {
            float g = element.gradient();
            element.reduce(SLOPES, element.parameter(), g);
            element.reduce(NORMS, Arithmetic.abs(g), 1);
            element.reduce(STEEPS, Arithmetic.abs(g) <= tolerance ? 0 : 1, 1);
        }
    }

    private record Reaching(float factor, float bound) implements ElementUpdate {

        @Override
        public void update(Element element) {
            float moved = Arithmetic.abs(factor * element.parameter());
            element.reduce(FARS, moved <= bound ? 0 : 1, 1);
        }
    }
}
