package org.panoptim.kfac;

import java.util.List;

/**
 * What came of a refresh.
 *
 * @param factors each factor of the layers that were ever refreshed, in their order, inputs first
 * @param withoutInverse the layers of which a factor has no inverse; {@link
 *     Kfac.Builder#withoutInverse} says what their steps are
 * @param refusedUpdates contributions that were dropped so far since they were not finite
 */
public record RefreshReport(
        List<FactorReport> factors, List<String> withoutInverse, long refusedUpdates) {

    /** Copies the lists. */
    public RefreshReport {
        factors = List.copyOf(factors);
        withoutInverse = List.copyOf(withoutInverse);
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
