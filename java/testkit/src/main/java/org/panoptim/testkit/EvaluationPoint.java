package org.panoptim.testkit;

import org.panoptim.Optimizer;
import org.panoptim.rule.ScheduleFreeAdamW;
import org.panoptim.rule.UpdateRule;

import java.util.Optional;

/**
 * Where parameters are evaluated. Most rules evaluate them where they train them; the schedule-free
 * ones train at one point and evaluate at another, with passes from the one to the other.
 */
public final class EvaluationPoint {

    private static final String THERE = ScheduleFreeAdamW.EVAL;
    private static final String BACK = ScheduleFreeAdamW.TRAIN;

    private EvaluationPoint() {}

    /** Whether a rule has passes to a point of evaluation and back. */
    public static boolean isApart(UpdateRule rule) {
        return rule.passes().stream()
                .filter(pass -> pass.name().equals(THERE))
                .anyMatch(pass -> pass.closing().equals(Optional.of(BACK)));
    }

    /**
     * Does something while the parameters are where they are evaluated. The way there and back
     * rounds, as it does in the schedule-free rules' own program.
     *
     * @param rule that of the optimizer's groups
     */
    public static void visit(Optimizer optimizer, UpdateRule rule, Runnable evaluation) {
        if (!isApart(rule)) {
            evaluation.run();
            return;
        }
        optimizer.run(THERE);
        try {
            evaluation.run();
        } finally {
            optimizer.run(BACK);
        }
    }
}
