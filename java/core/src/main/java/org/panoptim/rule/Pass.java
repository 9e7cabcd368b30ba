package org.panoptim.rule;

import java.util.Objects;
import java.util.Optional;

/**
 * What a rule does to parameters beside the step, when {@link org.panoptim.Optimizer#run} asks for
 * it: SAM's perturbing and restoring, or an average that is swapped in and out.
 *
 * <p>A pass leaves counts, the step's number and the loss scale alone. Gradients are unscaled, but
 * neither measured nor clipped; there is no curvature, and the schedule says nothing of it.
 *
 * @param name its name, for example {@code "perturb"}
 * @param phases its phases, at least one; any of them may write the parameter
 * @param everyParameter whether it goes over parameters without a gradient too, and then reads the
 *     gradient of none
 * @param closing the pass that closes what this one opens, if it opens something. Between the two
 *     no step is taken, and nothing saved, loaded or changed of groups; the closing one runs only
 *     then
 */
public record Pass(String name, int phases, boolean everyParameter, Optional<String> closing) {

    /** Checks the components. */
    public Pass {
        Objects.requireNonNull(name, "name");
        Objects.requireNonNull(closing, "closing");
        if (!name.matches("[a-z][a-z0-9_]*")) {
            throw new IllegalArgumentException(
                    "a pass's name is lower case letters, digits and underscores, not '"
                            + name
                            + "'");
        }
        if (phases < 1) {
            throw new IllegalArgumentException(
                    "pass '%s' must have at least one phase, but has %d".formatted(name, phases));
        }
        if (closing.isPresent() && closing.get().equals(name)) {
            throw new IllegalArgumentException("pass '" + name + "' cannot close itself");
        }
    }

    /** A pass over the parameters that have a gradient. */
    public static Pass overGradients(String name, int phases) {
        return new Pass(name, phases, false, Optional.empty());
    }

    /** A pass over every parameter. */
    public static Pass overAll(String name, int phases) {
        return new Pass(name, phases, true, Optional.empty());
    }

    /** This pass opening what another one closes. */
    public Pass closedBy(String pass) {
        return new Pass(name, phases, everyParameter, Optional.of(pass));
    }
}
