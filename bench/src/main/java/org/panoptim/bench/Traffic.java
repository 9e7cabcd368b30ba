package org.panoptim.bench;

import org.panoptim.rule.Slot;
import org.panoptim.rule.UpdateRule;

/**
 * Bytes that kernels read and write together for each fp32 parameter, as their headers count them.
 */
final class Traffic {

    /** Of the kernel that measures gradients. */
    static final int MEASURE = Float.BYTES;

    /** Of zeros into gradients, by a separate kernel or in an update. */
    static final int ZERO = Float.BYTES;

    /** A parameter is read and written, its gradient read. */
    private static final int WITHOUT_STATES = 3 * Float.BYTES;

    private Traffic() {}

    /**
     * Of a rule's update on a step without curvature, which reads and writes every state.
     *
     * @param rule of one phase
     */
    static int update(UpdateRule rule) {
        if (rule.phases() > 1) {
            throw new IllegalArgumentException(
                    "rule " + rule.name() + " goes over its arrays more than once");
        }
        int states = 2 * Slot.elementBytes(rule.slots());
        // What curvature is folded into is only read.
        return WITHOUT_STATES + states - (rule.takesCurvature() ? Float.BYTES : 0);
    }
}
