package org.panoptim.bench.report;

import org.panoptim.rule.AdaFisher;
import org.panoptim.rule.Adam;
import org.panoptim.rule.AdamW;
import org.panoptim.rule.Lion;
import org.panoptim.rule.SGD;
import org.panoptim.rule.SophiaG;
import org.panoptim.rule.SophiaH;
import org.panoptim.rule.UpdateRule;

import java.util.List;

/**
 * What a rule keeps for each fp32 parameter.
 *
 * @param rule the rule and the settings that change it
 * @param states bytes of states
 */
record MemoryUse(String rule, int states) {

    private static MemoryUse of(String rule, UpdateRule settings) {
        return new MemoryUse(rule, Float.BYTES * settings.slots().size());
    }

    static List<MemoryUse> ofRules() {
        return List.of(
                of("sgd", SGD.defaults()),
                of("sgd with momentum", SGD.defaults().withMomentum(.9)),
                of("adam, adamw", AdamW.defaults()),
                of("adam, adamw with AMSGrad", Adam.defaults().withAmsgrad(true)),
                of("lion", Lion.defaults()),
                of("sophia-g", SophiaG.defaults()),
                of("sophia-h", SophiaH.defaults()),
                of("ada-fisher", AdaFisher.defaults()));
    }

    /** Bytes with the parameter and its gradient. */
    int all() {
        return states + 2 * Float.BYTES;
    }
}
