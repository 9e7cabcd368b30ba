package org.panoptim.rule;

import java.util.Objects;

/**
 * A sum that one phase of a rule takes and {@linkplain UpdateRule#prepare prepare} of the later
 * phases of the same step or pass reads.
 *
 * <p>Each element contributes the product of two floats; products are exact in double, and the sum
 * is taken in double over a tree that only the elements' indices fix, so that every backend finds
 * the same bits, all NaNs counted as one value.
 *
 * @param name what is summed, for reports
 * @param scope over what it is summed
 * @param phase the phase that takes it, from 0; not the last of the step or of a pass
 */
public record Reduction(String name, Scope scope, int phase) {

    /** Over what a reduction sums. */
    public enum Scope {
        /** Over the elements of one parameter. */
        TENSOR,
        /**
         * Over the parameters of one group. {@link UpdateRule#settle} alone knows it; in {@link
         * UpdateRule#prepare} it is 0.
         */
        GROUP,
        /**
         * Over all parameters that the same kernel updates in this step or pass, of any group; not
         * for rules whose kernel depends on a parameter's shape.
         */
        ALL,
        /**
         * Over the elements of each row, which {@link LineRule#advanceRow} reads instead of {@code
         * prepare}, right before the next phase. A phase with sums of rows or columns takes no
         * others.
         */
        ROW,
        /** Over the elements of each column; the same for {@link LineRule#advanceColumn}. */
        COLUMN;

        /** Whether there is a sum for each row or each column. */
        public boolean isOfLines() {
            return this == ROW || this == COLUMN;
        }
    }

    /** Checks the components. */
    public Reduction {
        Objects.requireNonNull(name, "name");
        Objects.requireNonNull(scope, "scope");
        if (phase < 0) {
            throw new IllegalArgumentException("phase must be at least 0, but is " + phase);
        }
    }

    /** A sum that the first phase takes. */
    public Reduction(String name, Scope scope) {
        this(name, scope, 0);
    }
}
