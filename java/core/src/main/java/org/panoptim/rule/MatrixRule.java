package org.panoptim.rule;

import org.panoptim.matrix.MatrixSize;
import org.panoptim.tensor.Shape;

import java.util.List;
import java.util.Optional;

/**
 * A rule that works on whole matrices with linear algebra between its phases (Muon, Shampoo).
 *
 * <p>A phase leaves what the linear algebra begins with in {@linkplain Slot#forOneStep slots for
 * one step}, {@link #between} queues the algebra, and a later phase takes the result up. Phases
 * alone know whether the step is accepted, its number and the schedule, and write the states that
 * outlast it; the work between them is queued without asking, so that no device has to be waited
 * for. In a step that is refused, or for a parameter without a gradient, it may compute with what
 * is left from before, and nothing reads the result.
 *
 * <p>A graph that a framework captured goes on with the linear algebra of the rule as it was then;
 * after a change of the rule in more than its learning rate, it must be captured anew.
 *
 * <p>Backends agree on such a rule within error bounds, not bit for bit. Parameters must be
 * contiguous; as matrices they are what {@link MatrixSize#of} says.
 */
public interface MatrixRule extends UpdateRule {

    @Override
    MatrixRule atLearningRate(double learningRate);

    /**
     * Why the rule takes no parameter of a shape, if so, as it follows "rule … refuses …, since":
     * for example "it takes parameters of two dimensions or more". A group with such a parameter is
     * refused.
     */
    default Optional<String> refusal(Shape parameter) {
        return Optional.empty();
    }

    /** The number of phases, at least two. */
    @Override
    int phases();

    /**
     * The matrices that the work needs beside the slots, for each parameter of a shape; their
     * content is undefined when {@link #between} begins.
     */
    default List<MatrixSize> scratch(Shape parameter) {
        return List.of();
    }

    /**
     * Queues the linear algebra after a phase of the step, for all parameters of the group that
     * have the same shape. Between the phases of a pass there is none.
     *
     * <p>What is thrown here comes to the caller of the step as the cause of an error that names
     * the rule, the phase and the shape. Phases before it have written states by then, so the
     * optimizer is unusable; of a step that is only captured, nothing was changed.
     *
     * @param phase the phase before it, from 0 to {@code phases() - 2}
     * @param work the matrices, and the engine to use; when this returns, they and all that was
     *     made of them refuse everything
     */
    void between(int phase, MatrixWork work);
}
