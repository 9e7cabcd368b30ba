package org.panoptim.internal.lbfgs;

import org.panoptim.tensor.StateTensor;

/** A pair of the history, or the one to come; see {@link PairRule}. */
final class Pair implements AutoCloseable {

    private final PassSpace space;
    private final StateTensor t;
    private final StateTensor ys;
    private final StateTensor yy;
    private final StateTensor scale;

    Pair(Vectors vectors) {
        space = vectors.ofDirection(new PairRule());
        t = space.state(PairRule.T);
        ys = space.state(PairRule.YS);
        yy = space.state(PairRule.YY);
        scale = space.state(PairRule.SCALE);
        scale.value(1);
    }

    /** The pair begins where the gradient is the present one. */
    void begin() {
        space.run(PairRule.BEGIN);
    }

    /** The step was so much of the direction, and led to where the gradient is the present one. */
    void complete(double step) {
        t.value(step);
        space.run(PairRule.COMPLETE);
        scale.value(1);
    }

    /** The product of y and s. */
    double curvature() {
        return ys.value();
    }

    /** Sets it, as after a checkpoint. */
    void curvature(double value) {
        ys.value(value);
    }

    /** The square of y. */
    double change() {
        return yy.value();
    }

    /** The first of the two loops, of this pair. */
    void subtract() {
        space.run(PairRule.SUBTRACT);
    }

    /**
     * What the first loop multiplies by besides; 1 if nothing else was said since the pair began.
     */
    void scale(double value) {
        scale.value(value);
    }

    /** The second of the two loops, of this pair. */
    void add() {
        space.run(PairRule.ADD);
    }

    /** A parameter's part of the step. */
    StateTensor step(int parameter) {
        return space.state(parameter, PairRule.S);
    }

    /** A parameter's part of the change, or of the gradient where the pair began. */
    StateTensor gradientChange(int parameter) {
        return space.state(parameter, PairRule.Y);
    }

    @Override
    public void close() {
        space.close();
    }
}
