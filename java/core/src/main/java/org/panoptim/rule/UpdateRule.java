package org.panoptim.rule;

import org.panoptim.tensor.Shape;

import java.util.List;
import java.util.Optional;
import java.util.OptionalDouble;

/**
 * How an optimizer turns a gradient into a change of a parameter: element by element, in one or
 * more phases, with reductions between them.
 *
 * <p>One phase and no reduction is the plain case (Adam, Lion). A rule with two phases can, for
 * example, take norms in the first and use them in the second. Beside its step a rule may have
 * named {@linkplain Pass passes}, or have these alone: then it is a companion of others ({@link
 * org.panoptim.Optimizer.Builder#companion}). One that needs linear algebra is a {@link
 * MatrixRule}, one that sums over rows and columns a {@link LineRule}.
 *
 * <p>Rules are values: immutable, comparable, free of state. What a rule remembers from step to
 * step it declares as {@linkplain Slot slots}, and the optimizer's backend keeps it.
 *
 * <p>The rule's arithmetic is bound, so that all backends give the same bits: {@code float} per
 * element, only + − × ÷, square root, comparison and selection (see {@link Arithmetic}), in a fixed
 * order; {@link #prepare} works in {@code double}, with {@code pow}, {@code exp}, {@code log} and
 * {@code cos} of {@link StrictMath} (never of {@link Math}: native code has StrictMath's bits), and
 * rounds each scalar to {@code float} once. All NaNs count as one value: a rule must not look at
 * the bits of one.
 */
public interface UpdateRule {

    /**
     * The rule's name as traces and checkpoints write it, for example {@code "sophia-g"}; not that
     * of another rule of the library.
     */
    String name();

    /**
     * The name of the native kernel that computes this rule: the rule's name with underscores, and
     * a suffix where options change the number of slots ({@code "adamw_amsgrad"}). A rule that is
     * not the library's and names one of its kernels here says that it computes the same.
     */
    default String kernelName() {
        return name().replace('-', '_');
    }

    /**
     * The name of the native kernel for a parameter of a shape, where its states depend on that.
     * All kernels of a rule take the same hyper-parameters, have the same phases and keep the same
     * states of the rule; such a rule takes no sums over all parameters.
     *
     * @param parameter the shape
     */
    default String kernelName(Shape parameter) {
        return kernelName();
    }

    /** The learning rate, before the schedule's factor. */
    double learningRate();

    /**
     * This rule at another learning rate.
     *
     * @throws IllegalArgumentException if {@code learningRate} is negative, infinite or NaN
     */
    UpdateRule atLearningRate(double learningRate);

    /**
     * Its hyper-parameters: names, ranges, defaults and source. A rule that brings no descriptor of
     * its own is described by the components of its record, by reflection.
     *
     * @throws IllegalArgumentException if there is neither: it is not a record, or not an
     *     accessible one, or a component cannot be a setting
     */
    default RuleDescriptor<?> descriptor() {
        return RecordDescriptor.of(this);
    }

    /**
     * The states that the rule keeps, in order: those of elements first, then those of rows, of
     * columns, of the tensor and of the rule.
     */
    List<Slot> slots();

    /**
     * The states that the rule keeps for a parameter of a shape, in the same order.
     *
     * @param parameter the shape
     */
    default List<Slot> slots(Shape parameter) {
        return slots();
    }

    /**
     * Whether the rule climbs instead of descending: the gradient's sign is turned first of all.
     */
    default boolean maximize() {
        return false;
    }

    /**
     * The decoupled weight decay λ, if the value of a parameter enters a step in no other way: p ←
     * p − η λ p − u, or 0 if it does not enter at all. Empty where it does otherwise, by norms or
     * by decay within the gradient for example. What changes updates of any rule ({@link Cautious})
     * goes with the first kind alone.
     */
    default OptionalDouble decoupledDecay() {
        return OptionalDouble.empty();
    }

    /**
     * Whether the rule has a momentum, or a decay of the gradient's average, that a schedule can
     * replace. A schedule that sets one is refused for a rule that has none.
     */
    default boolean takesMomentum() {
        return true;
    }

    /**
     * What the next step does with one of the rule's settings, where the usual sentence of {@link
     * org.panoptim.Optimizer#explain} would not be true, or there is none. The usual ones say that
     * the learning rate is the rule's times the schedule's factor, that averages with corrected
     * decays are divided by 1 − βⁿ, and what weight decay there is.
     *
     * @param setting its name: {@code "lr"} and every other one is asked for
     * @param next the next step, with the states of the parameter and the rule as the last step
     *     left them, which can be read; no sums are known
     * @return a sentence, or one a line, for people ({@link Sentence} writes numbers); an empty
     *     text if there is nothing to say; nothing for the usual sentence
     */
    default Optional<String> explain(String setting, Preparation next) {
        return Optional.empty();
    }

    /** Whether the rule reads curvature that the caller hands in on the steps it chooses. */
    default boolean takesCurvature() {
        return false;
    }

    /**
     * The number of the step's phases, at least one, or 0 for a companion. The parameter is written
     * in the last.
     */
    default int phases() {
        return 1;
    }

    /**
     * What the rule does beside the step. The phases of passes are numbered behind the step's, one
     * pass's after another's; a backend may set a limit to all of them together.
     */
    default List<Pass> passes() {
        return List.of();
    }

    /**
     * The sums that phases take for later ones; those of rows and columns need a {@link LineRule}.
     */
    default List<Reduction> reductions() {
        return List.of();
    }

    /**
     * The sums that phases take of a parameter of a shape, where they depend on that. A rule that
     * sums over all parameters takes the same of all.
     *
     * @param parameter the shape
     */
    default List<Reduction> reductions(Shape parameter) {
        return reductions();
    }

    /**
     * Advances the states that the rule keeps for itself ({@link Slot.Extent#RULE}): once a phase
     * of an accepted step, or of a pass, for each group that is not frozen, before its parameters
     * are prepared.
     *
     * @param phase from 0 to {@code phases() - 1}, or behind these one of a pass
     * @param preparation the step, the schedule, the reductions over all parameters and the rule's
     *     states; there is no parameter's count
     */
    default void settle(int phase, Preparation preparation) {}

    /**
     * Whether a pass leaves a parameter alone this time, and nothing of it is read or written.
     * Asked before the pass's first phase is prepared, which then is not, nor is any later one.
     *
     * @param phase the first phase of the pass
     * @param preparation as for {@link #prepare}; states are not to be set
     */
    default boolean rests(int phase, Preparation preparation) {
        return false;
    }

    /**
     * Computes what one phase of one step or pass needs for one parameter, and advances the states
     * that are the parameter's as a whole ({@link Slot.Extent#TENSOR}).
     *
     * @param phase from 0 to {@code phases() - 1}, or behind these one of a pass
     * @param preparation the step, the parameter's count, the schedule, the reductions and states.
     *     In a pass step and count are those of the last step, and of a companion's parameter the
     *     count is 0; the schedule's factor is 1, and it has no momentum
     * @return the update of one element, holding its scalars
     */
    ElementUpdate prepare(int phase, Preparation preparation);
}
