package org.panoptim.kfac.engine;

/**
 * Where the averages of a factor stand.
 *
 * @param trace the trace of the average; 0 before the first update
 * @param updates the updates that its layer has taken
 * @param refused the updates that were dropped since they were not finite
 */
public record FactorState(double trace, long updates, long refused) {

    /** The same with another trace. */
    public FactorState withTrace(double value) {
        return new FactorState(value, updates, refused);
    }
}
