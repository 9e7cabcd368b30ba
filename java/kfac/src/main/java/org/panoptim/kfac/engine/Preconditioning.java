package org.panoptim.kfac.engine;

/**
 * A layer whose gradients are to be preconditioned in this step.
 *
 * @param layer the layer's number
 * @param learningRate of its group's rule, before the schedule's factor
 * @param weight whether the weight takes part: it has a gradient and is not frozen. Of what takes
 *     no part the gradient counts as zero, and is left alone
 * @param bias whether the bias does; without meaning in a layer that has none
 */
public record Preconditioning(int layer, double learningRate, boolean weight, boolean bias) {

    /** A layer of which all parameters take part. */
    public Preconditioning(int layer, double learningRate) {
        this(layer, learningRate, true, true);
    }
}
