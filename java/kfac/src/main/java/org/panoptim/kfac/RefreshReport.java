package org.panoptim.kfac;

import java.util.List;

/**
 * What came of a refresh.
 *
 * @param factors each factor of the layers that have averages, in their order, inputs first
 * @param refusedUpdates contributions that were dropped so far since they were not finite
 */
public record RefreshReport(List<FactorReport> factors, long refusedUpdates) {

    /** Copies the list. */
    public RefreshReport {
        factors = List.copyOf(factors);
    }

    /** The largest certified error of all factors; 0 if there is none. */
    public double largestError() {
        return factors.stream().mapToDouble(FactorReport::certifiedError).max().orElse(0);
    }

    /** The factors that needed a fallback. */
    public List<FactorReport> fallbacks() {
        return factors.stream().filter(factor -> factor.fallback() != Fallback.NONE).toList();
    }
}
