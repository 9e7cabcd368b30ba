package org.panoptim.kfac.engine;

/**
 * How AdaFisher averages its normalised diagonals: {@code h ← keep · h + add · ĥ}, with the decay
 * γ.
 */
public enum FisherAverage {

    /**
     * As the authors' program does: keep = γ / 10, add = 1 − γ, beginning with ones. The weights
     * sum to .088 for γ = .92, which keeps the Fisher information nearly constant.
     */
    REFERENCE {
        @Override
        public double keep(double decay, long update) {
            return decay / 10;
        }

        @Override
        public double add(double decay, long update) {
            return 1 - decay;
        }
    },

    /**
     * An exponential moving average whose weights sum to one from the first update on: add = (1 −
     * γ) / (1 − γᵗ) at update t, keep = 1 − add.
     */
    NORMALISED_EMA {
        @Override
        public double keep(double decay, long update) {
            return 1 - add(decay, update);
        }

        @Override
        public double add(double decay, long update) {
            return Averages.share(decay, update);
        }
    };

    /**
     * The weight of the average so far.
     *
     * @param update the number of the update, from 1
     */
    public abstract double keep(double decay, long update);

    /** The weight of what is new. */
    public abstract double add(double decay, long update);
}
