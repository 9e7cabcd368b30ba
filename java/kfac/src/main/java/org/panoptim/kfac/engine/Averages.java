package org.panoptim.kfac.engine;

import org.panoptim.rule.Arithmetic;

/** The weights of exponential moving averages without their bias to zero. */
public final class Averages {

    private Averages() {}

    /**
     * What is new at an update gets this share, and what was there the rest: {@code (1 − β) / (1 −
     * βᵗ)}; 1 at the first one.
     *
     * @param decay β, in [0, 1)
     * @param update t, from 1
     */
    public static double share(double decay, long update) {
        return (1 - decay) / (1 - Arithmetic.power(decay, update));
    }
}
