package org.panoptim.cuda.team;

import static org.panoptim.abi.bindings.PanoptimPlan.PANOPTIM_PARTIALS;
import static org.panoptim.abi.bindings.PanoptimPlan.PANOPTIM_STATISTICS;

/**
 * Columns of sums over chunks, one after another.
 *
 * @param first the first of them
 * @param count how many they are
 */
public record SumColumns(int first, int count) {

    /** What measuring leaves: sums over gradients, and over curvatures. */
    public static final SumColumns MEASURED = new SumColumns(0, 2);

    /**
     * What a phase leaves.
     *
     * @param statistics whether it takes statistics
     * @param reductions whether it has reductions over chunks
     */
    public static SumColumns of(boolean statistics, boolean reductions) {
        int first = statistics ? 0 : PANOPTIM_STATISTICS();
        int end = reductions ? PANOPTIM_PARTIALS() : PANOPTIM_STATISTICS();
        return new SumColumns(first, end - first);
    }
}
