package org.panoptim.rule;

import java.util.Objects;

/**
 * The phases of a rule that belong together: those of its step, or of one of its passes. Phases are
 * numbered through, first the step's and then those of the passes in their order.
 *
 * @param first the number of the first
 * @param phases how many there are
 * @param everyParameter whether they go over parameters without a gradient too
 * @param writes what they write beside the rule's states
 * @param timing when they run, of a pass; those of the step count as requested
 */
public record PhaseSpan(
        int first, int phases, boolean everyParameter, Pass.Writes writes, Pass.Timing timing) {

    /** No phases: of a rule without the pass. */
    public static final PhaseSpan NONE =
            new PhaseSpan(0, 0, false, Pass.Writes.NOTHING, Pass.Timing.REQUESTED);

    /** Checks the components. */
    public PhaseSpan {
        Objects.requireNonNull(writes, "writes");
        Objects.requireNonNull(timing, "timing");
    }

    /** Those of the step. */
    public static PhaseSpan ofStep(UpdateRule rule) {
        Objects.requireNonNull(rule, "rule");
        return new PhaseSpan(0, rule.phases(), false, Pass.Writes.PARAMETER, Pass.Timing.REQUESTED);
    }

    /** Those of the pass of a name, or {@link #NONE}. */
    public static PhaseSpan ofPass(UpdateRule rule, String name) {
        Objects.requireNonNull(rule, "rule");
        Objects.requireNonNull(name, "name");
        int first = rule.phases();
        for (var pass : rule.passes()) {
            if (pass.name().equals(name)) {
                return new PhaseSpan(
                        first, pass.phases(), pass.everyParameter(), pass.writes(), pass.timing());
            }
            first += pass.phases();
        }
        return NONE;
    }

    /** How many phases all passes of a rule have. */
    public static int ofPasses(UpdateRule rule) {
        Objects.requireNonNull(rule, "rule");
        return rule.passes().stream().mapToInt(Pass::phases).sum();
    }

    /** Whether they complete a step. */
    public boolean completing() {
        return timing == Pass.Timing.COMPLETING_STEP;
    }

    /** Whether they go before a step, and wait if that is about to be refused. */
    public boolean preceding() {
        return timing == Pass.Timing.BEFORE_STEP;
    }

    /** The number behind the last. */
    public int end() {
        return first + phases;
    }

    /** Whether a phase is one of them. */
    public boolean has(int phase) {
        return first <= phase && phase < end();
    }
}
