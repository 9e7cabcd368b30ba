package org.panoptim.rule;

import java.util.Objects;
import java.util.Optional;

/**
 * What a rule does beside the step's own phases, when {@link org.panoptim.Optimizer#run} asks for
 * it or, of itself, before or after every step: SAM's perturbing and restoring, an average that is
 * swapped in and out, gradients that are corrected.
 *
 * <p>A pass leaves counts, the step's number and the loss scale alone. Gradients are unscaled, but
 * neither measured nor clipped; there is no curvature, and the schedule says nothing of it.
 *
 * @param name its name, for example {@code "perturb"}
 * @param phases its phases, at least one; any of them may write what the pass writes
 * @param everyParameter whether it goes over parameters without a gradient too, and then reads the
 *     gradient of none
 * @param closing the pass that closes what this one opens, if it opens something. Between the two
 *     no step is taken, and nothing saved, loaded or changed of groups; the closing one runs only
 *     then
 * @param writes what it writes beside the rule's states
 * @param timing when it is run
 * @param readsAverages whether it is about the parameters' moving averages, and is refused where no
 *     parameter that it would go over has one
 */
public record Pass(
        String name,
        int phases,
        boolean everyParameter,
        Optional<String> closing,
        Writes writes,
        Timing timing,
        boolean readsAverages) {

    /** What a pass writes beside its rule's states. */
    public enum Writes {
        /** The parameters, and their copies with them. */
        PARAMETER,
        /** The gradients, where the parameters hold them. */
        GRADIENT,
        /** Nothing else. */
        NOTHING
    }

    /** When a pass is run. */
    public enum Timing {
        /** When {@link org.panoptim.Optimizer#run} names it. */
        REQUESTED,
        /**
         * Before every step and whatever is {@link #BEFORE_STEP}, since it sets gradients to others
         * than they were; and when it is named.
         */
        GIVING_GRADIENTS,
        /**
         * Before the gradients of every step are measured; and when it is named. Before a step that
         * the gradients as they are refuse it changes nothing.
         */
        BEFORE_STEP,
        /**
         * After every attempt of a step, whether or not it was accepted, which {@link
         * Preparation#step} tells; and when it is named.
         */
        AFTER_STEP,
        /**
         * Right after the phases of every step, in which rules have left their update with the
         * companion ({@link Companion#updateSlot}): it writes parameters and all outputs. It is not
         * to be named. The schedule's factor is that of the step.
         */
        COMPLETING_STEP
    }

    /** Checks the components. */
    public Pass {
        Objects.requireNonNull(name, "name");
        Objects.requireNonNull(closing, "closing");
        Objects.requireNonNull(writes, "writes");
        Objects.requireNonNull(timing, "timing");
        if (!Slot.isName(name)) {
            throw new IllegalArgumentException(
                    "a pass's name is lower case letters, digits and underscores, not '"
                            + name
                            + "'");
        }
        if (phases < 1) {
            throw refused(name, "must have at least one phase, but has " + phases);
        }
        if (closing.isPresent() && closing.get().equals(name)) {
            throw refused(name, "cannot close itself");
        }
        if (closing.isPresent() && timing != Timing.REQUESTED) {
            throw refused(name, "opens something, so it is run only when it is named");
        }
        if (timing == Timing.COMPLETING_STEP && (everyParameter || writes != Writes.PARAMETER)) {
            throw refused(
                    name, "completes a step, so it goes over gradients and writes parameters");
        }
        if (readsAverages && timing != Timing.REQUESTED) {
            throw refused(name, "reads averages, so it is run only when it is named");
        }
        if (everyParameter && writes == Writes.GRADIENT) {
            throw refused(name, "writes gradients, so it cannot go over parameters that have none");
        }
    }

    /** A pass over the parameters that have a gradient, which writes parameters. */
    public static Pass overGradients(String name, int phases) {
        return over(name, phases, false);
    }

    /** A pass over every parameter, which writes parameters. */
    public static Pass overAll(String name, int phases) {
        return over(name, phases, true);
    }

    private static Pass over(String name, int phases, boolean everyParameter) {
        return new Pass(
                name,
                phases,
                everyParameter,
                Optional.empty(),
                Writes.PARAMETER,
                Timing.REQUESTED,
                false);
    }

    /** This pass opening what another one closes. */
    public Pass closedBy(String pass) {
        Objects.requireNonNull(pass, "pass");
        return new Pass(
                name, phases, everyParameter, Optional.of(pass), writes, timing, readsAverages);
    }

    /** This pass writing something else. */
    public Pass writing(Writes value) {
        return new Pass(name, phases, everyParameter, closing, value, timing, readsAverages);
    }

    /** This pass reading the parameters' moving averages. */
    public Pass readingAverages() {
        return new Pass(name, phases, everyParameter, closing, writes, timing, true);
    }

    /** This pass giving the gradients of every step. */
    public Pass givingGradients() {
        return at(Timing.GIVING_GRADIENTS);
    }

    /** This pass before every step that its gradients do not refuse. */
    public Pass beforeEachStep() {
        return at(Timing.BEFORE_STEP);
    }

    /** This pass after every step. */
    public Pass afterEachStep() {
        return at(Timing.AFTER_STEP);
    }

    /** This pass completing every step. */
    public Pass completingEachStep() {
        return at(Timing.COMPLETING_STEP);
    }

    private Pass at(Timing value) {
        return new Pass(name, phases, everyParameter, closing, writes, value, readsAverages);
    }

    private static IllegalArgumentException refused(String name, String reason) {
        return new IllegalArgumentException("pass '%s' %s".formatted(name, reason));
    }
}
