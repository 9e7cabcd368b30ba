package org.panoptim.kfac.engine;

import org.panoptim.matrix.Inverted;
import org.panoptim.spi.StepFacts;
import org.panoptim.tensor.StateTensor;

import java.util.List;
import java.util.OptionalDouble;

/**
 * The factors of a model's layers, their inverses, and what is done with them.
 *
 * <p>The policy (damping, what to try next when an inverse is not good enough) is the caller's.
 * {@link #invert} leaves candidates, which become inverses by {@link #adopt}; until the next call
 * of {@code accumulate}, {@code invert} or {@code commit} a candidate is kept.
 */
public interface KroneckerEngine extends FactorEngine {

    /** Where each factor's average stands, by its number; waits. */
    List<FactorState> factors();

    /**
     * Computes candidates of inverses, all in a constant number of launches on a device; waits.
     *
     * @param inversions at most one for each factor; nothing must be accumulated and uncommitted
     * @return what came of each, in their order
     */
    List<Inverted> invert(List<Inversion> inversions);

    /** Makes the candidates of these factors their inverses. */
    void adopt(List<Integer> factors);

    /** Makes the identity the inverse of these factors. */
    void adoptIdentity(List<Integer> factors);

    /**
     * Makes zeros the inverse of these factors, as they are in the beginning: what is
     * preconditioned with them becomes zero.
     */
    void adoptZeros(List<Integer> factors);

    /**
     * Checks that {@link #precondition} can rewrite the gradients of these layers now.
     *
     * @throws IllegalStateException if not: a gradient is read-only, or its arena is closed or
     *     another thread's; the message names the parameter
     * @throws IllegalArgumentException if there is no such layer, or a gradient is absent or in
     *     memory that is not the backend's
     */
    void check(List<Preconditioning> layers);

    /**
     * Rewrites the gradients of layers, if the step was accepted: {@code ν X_G ∇ X_A} for the
     * gradient {@code ∇ = [∇W | ∇b]}, which stays multiplied by the loss scale. With η the learning
     * rate of the layer in this step and U = X_G ∇ X_A (both unscaled in the sum), {@code ν =
     * min(1, √(klClip / Σ η² ⟨U, ∇⟩))} over all layers given.
     *
     * <p>Where that sum is not finite, no layer is moved: what is finite in the gradients becomes
     * zero, and what is not stays as it came. If it fails, the gradients are as before.
     *
     * @param layers layers that passed {@link #check}
     * @param klClip κ, above 0; infinity: ν = 1
     */
    void precondition(StepFacts step, List<Preconditioning> layers, double klClip);

    /** The last ν, or empty before the first; waits. */
    OptionalDouble klCoefficient();

    /**
     * A factor's average, to be read and set as a checkpoint does; slot and name are the layer's.
     */
    StateTensor average(int factor);

    /** A factor's inverse in use, likewise. */
    StateTensor inverse(int factor);

    /**
     * Sets the trace of a factor's average, after {@link #restore}, for engines that know it better
     * than the average in float does, whose squares may be too small.
     */
    default void restoreTrace(int factor, double trace) {}
}
