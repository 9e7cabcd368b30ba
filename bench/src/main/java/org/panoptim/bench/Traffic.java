package org.panoptim.bench;

import org.panoptim.rule.UpdateRule;
import org.panoptim.testkit.rule.RuleTraffic;

/**
 * Bytes that kernels read and write together for each fp32 parameter, as their headers count them.
 */
final class Traffic {

    /** Of the kernel that measures gradients. */
    static final int MEASURE = Float.BYTES;

    /** Of zeros into gradients, by a separate kernel or in an update. */
    static final int ZERO = Float.BYTES;

    private Traffic() {}

    /** Of all phases of a rule's update, on a step without curvature. */
    static int update(UpdateRule rule) {
        return RuleTraffic.ofStep(rule).bytes();
    }
}
