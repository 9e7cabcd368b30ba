package org.panoptim.reference;

import org.panoptim.spi.TensorSums;

/** The sums that statistics take of a parameter in the last phase of a step. */
final class StatisticTrees {

    /** How many sums these are. */
    static final int COUNT = 4;

    private final ReductionTree update;
    private final ReductionTree value;
    private final ReductionTree gradient;
    private final ReductionTree held;

    StatisticTrees(long elements) {
        update = new ReductionTree(elements);
        value = new ReductionTree(elements);
        gradient = new ReductionTree(elements);
        held = new ReductionTree(elements);
    }

    /** Adds an element that was updated. */
    void add(long index, float before, ElementView element) {
        float now = element.parameter();
        float change = now - before;
        float raw = element.rawGradient();
        update.add(index, change, change);
        value.add(index, now, now);
        gradient.add(index, raw, raw);
        if (element.wasHeld()) {
            held.add(index, 1, 1);
        }
    }

    /** All of them, for what is missing to be completed. */
    ReductionTree[] trees() {
        return new ReductionTree[] {update, value, gradient, held};
    }

    TensorSums sums() {
        return new TensorSums(update.sum(), value.sum(), gradient.sum(), held.sum());
    }
}
