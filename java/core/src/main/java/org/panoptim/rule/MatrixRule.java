package org.panoptim.rule;

/**
 * A rule that works on whole matrices with linear algebra (Muon, Shampoo).
 *
 * <p>Backends agree on such a rule within error bounds, not bit for bit.
 */
public non-sealed interface MatrixRule extends UpdateRule {

    @Override
    MatrixRule atLearningRate(double learningRate);

    /**
     * Updates one parameter.
     *
     * @param update the parameter's values, gradient and states, and the algebra to use; valid only
     *     during the call
     */
    void update(MatrixUpdate update);
}
