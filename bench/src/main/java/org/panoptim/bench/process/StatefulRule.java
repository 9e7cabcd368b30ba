package org.panoptim.bench.process;

import org.panoptim.rule.AdaFisher;
import org.panoptim.rule.Adam;
import org.panoptim.rule.AdamW;
import org.panoptim.rule.Lion;
import org.panoptim.rule.SGD;
import org.panoptim.rule.Slot;
import org.panoptim.rule.SophiaG;
import org.panoptim.rule.SophiaH;
import org.panoptim.rule.UpdateRule;

import java.util.List;

/**
 * A rule whose states take memory.
 *
 * @param title the rule, and the settings on which its states depend
 */
public record StatefulRule(String title, UpdateRule rule) {

    /** Every rule, with its states. */
    public static List<StatefulRule> all() {
        return List.of(
                new StatefulRule("sgd", SGD.defaults()),
                new StatefulRule("sgd with momentum", SGD.defaults().withMomentum(.9)),
                new StatefulRule("adam, adamw", AdamW.defaults()),
                new StatefulRule("adam, adamw with AMSGrad", Adam.defaults().withAmsgrad(true)),
                new StatefulRule("lion", Lion.defaults()),
                new StatefulRule("sophia-g", SophiaG.defaults()),
                new StatefulRule("sophia-h", SophiaH.defaults()),
                new StatefulRule("ada-fisher", AdaFisher.defaults()));
    }

    /** Bytes of its states for each fp32 parameter, as the rule declares them. */
    public int declaredBytes() {
        return Slot.elementBytes(rule.slots());
    }
}
