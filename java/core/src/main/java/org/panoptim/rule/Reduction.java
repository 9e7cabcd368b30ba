package org.panoptim.rule;

import java.util.Objects;

/**
 * A sum that a phase of a rule takes and the next phase's {@linkplain PhasedRule#prepare prepare}
 * reads.
 *
 * <p>Each element contributes the product of two floats; products are exact in double, and the sum
 * is taken in double over a tree that only the elements' indices fix, so that every backend finds
 * the same bits.
 *
 * @param name what is summed, for reports
 * @param scope over what it is summed
 */
public record Reduction(String name, Scope scope) {

    /** Over what a reduction sums. */
    public enum Scope {
        /** Over the elements of one parameter. */
        TENSOR,
        /** Over all parameters that the same rule updates in this step. */
        ALL
    }

    /** Checks the components. */
    public Reduction {
        Objects.requireNonNull(name, "name");
        Objects.requireNonNull(scope, "scope");
    }
}
