package org.panoptim.step;

import java.util.Objects;

/**
 * What bounds gradients in a step, once they are unscaled: first their norm, then each value. Both
 * are bounded as the rule reads them; in memory gradients stay as they are.
 *
 * @param scope over what norms are taken
 * @param norm the largest norm, above 0; infinity: it is not bounded
 * @param value the largest absolute value, above 0; infinity: values are not bounded
 */
public record Clipping(Scope scope, double norm, double value) {

    /** Over what a norm is taken. */
    public enum Scope {
        /** All parameters of all groups that are not frozen. */
        GLOBAL,
        /** The parameters of each group. */
        GROUP,
        /** Each parameter. */
        PARAMETER
    }

    private static final Clipping NONE =
            new Clipping(Scope.GLOBAL, Double.POSITIVE_INFINITY, Double.POSITIVE_INFINITY);

    /** Checks the components. */
    public Clipping {
        Objects.requireNonNull(scope, "scope");
        require("norm", norm, norm);
        // Elements see the bound as float32.
        require("value", value, (float) value);
    }

    private static void require(String what, double bound, double seen) {
        if (!(seen > 0)) {
            throw new IllegalArgumentException(
                    "clipping: the largest %s must be above 0%s, but is %s"
                            .formatted(what, bound > 0 ? " as float32" : "", bound));
        }
    }

    /** Nothing is bounded. */
    public static Clipping none() {
        return NONE;
    }

    /** The global norm is bounded. */
    public static Clipping globalNorm(double norm) {
        return NONE.withNorm(Scope.GLOBAL, norm);
    }

    /** This, with another bound of norms. */
    public Clipping withNorm(Scope newScope, double newNorm) {
        return new Clipping(newScope, newNorm, value);
    }

    /** This, with another bound of values. */
    public Clipping withValue(double newValue) {
        return new Clipping(scope, norm, newValue);
    }

    /** Whether norms are bounded. */
    public boolean boundsNorms() {
        return norm < Double.POSITIVE_INFINITY;
    }

    /** Whether values are bounded. */
    public boolean boundsValues() {
        return value < Double.POSITIVE_INFINITY;
    }
}
