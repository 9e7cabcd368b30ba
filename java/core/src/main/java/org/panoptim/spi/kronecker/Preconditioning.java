package org.panoptim.spi.kronecker;

/**
 * A layer whose gradients are to be preconditioned in this step; all its parameters have one.
 *
 * @param layer the layer's number
 * @param learningRate of its group's rule, before the schedule's factor
 */
public record Preconditioning(int layer, double learningRate) {}
