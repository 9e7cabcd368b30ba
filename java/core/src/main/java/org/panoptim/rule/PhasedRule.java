package org.panoptim.rule;

import java.util.List;

/**
 * A rule that works element by element, in one or more phases, with reductions between them.
 *
 * <p>One phase and no reduction is the plain case (Adam, Lion). A rule with two phases can, for
 * example, take norms in the first and use them in the second.
 *
 * <p>The rule's arithmetic is bound, so that all backends give the same bits: {@code float} per
 * element, only + − × ÷, square root, comparison and selection (see {@link Arithmetic}), in a fixed
 * order; {@link #prepare} works in {@code double}, with {@code pow}, {@code exp}, {@code log} and
 * {@code cos} of {@link StrictMath} (never of {@link Math}: native code has StrictMath's bits), and
 * rounds each scalar to {@code float} once. All NaNs count as one value: a rule must not look at
 * the bits of one.
 */
public non-sealed interface PhasedRule extends UpdateRule {

    @Override
    PhasedRule atLearningRate(double learningRate);

    /**
     * The name of the native kernel that computes this rule: the rule's name with underscores, and
     * a suffix where options change the number of slots ({@code "adamw_amsgrad"}).
     */
    String kernel();

    /** The number of phases, at least one. The parameter is written in the last. */
    default int phases() {
        return 1;
    }

    /** The sums that phases take for later ones. */
    default List<Reduction> reductions() {
        return List.of();
    }

    /** Whether the rule reads curvature that the caller hands in on the steps it chooses. */
    default boolean takesCurvature() {
        return false;
    }

    /**
     * Computes what one phase of one step needs for one parameter.
     *
     * @param phase from 0 to {@code phases() - 1}
     * @param preparation the step, the parameter's count, the schedule and the reductions
     * @return the update of one element, holding its scalars
     */
    ElementUpdate prepare(int phase, Preparation preparation);
}
