package org.panoptim.djl;

import org.panoptim.rule.AdamW;
import org.panoptim.rule.Reduction;
import org.panoptim.rule.UpdateRule;
import org.panoptim.schedule.Schedule;

import java.util.Objects;
import java.util.OptionalDouble;

/**
 * Optimizers for DJL's own trainers, in one line: {@code
 * config.optOptimizer(PanoptimOptimizer.adamW())}.
 *
 * <p>DJL hands out one array at a time, so they step one at a time: {@link PanoptimTrainer} is
 * faster, and has groups, norms over all gradients, companions and checkpoints. Rules that need
 * sums over all parameters (Prodigy, D-Adaptation) are refused here.
 */
public final class PanoptimOptimizer {

    private PanoptimOptimizer() {}

    /** AdamW with PyTorch's defaults. */
    public static ArrayOptimizer adamW() {
        return of(AdamW.defaults());
    }

    /**
     * Steps by a rule.
     *
     * @throws IllegalArgumentException if it needs sums over all parameters
     */
    public static ArrayOptimizer of(UpdateRule rule) {
        return of(rule, Schedule.constant(), OptionalDouble.empty());
    }

    /**
     * Steps by a rule, at the rates of a schedule.
     *
     * @param schedule for example {@link Trackers#schedule}
     * @param clipValue what the elements of gradients are bounded by, on both sides
     * @throws IllegalArgumentException if the rule needs sums over all parameters
     */
    public static ArrayOptimizer of(UpdateRule rule, Schedule schedule, OptionalDouble clipValue) {
        Objects.requireNonNull(rule, "rule");
        Objects.requireNonNull(schedule, "schedule");
        Objects.requireNonNull(clipValue, "clipValue");
        if (rule.reductions().stream().map(Reduction::scope).anyMatch(PanoptimOptimizer::isWide)) {
            throw new IllegalArgumentException(
                    "%s needs sums over all parameters, and DJL hands out one at a time; use PanoptimTrainer"
                            .formatted(rule.name()));
        }
        return new ArrayOptimizer(rule, schedule, clipValue);
    }

    private static boolean isWide(Reduction.Scope scope) {
        return scope == Reduction.Scope.GROUP || scope == Reduction.Scope.ALL;
    }
}
