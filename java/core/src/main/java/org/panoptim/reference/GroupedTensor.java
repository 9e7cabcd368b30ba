package org.panoptim.reference;

import org.panoptim.parameter.ParameterGroup;
import org.panoptim.rule.UpdateRule;

/** A tensor in its group. */
record GroupedTensor(Tensor tensor, ParameterGroup group) {

    UpdateRule rule() {
        return group.rule();
    }

    /** Whether the coming step measures and updates it. */
    boolean live() {
        return tensor.present() && !group.frozen();
    }
}
