package org.panoptim.rule;

/**
 * The estimated distance to the solution, d, by which Prodigy and Adam with D-Adaptation multiply
 * their learning rate.
 *
 * @param d the place of the estimate among the rule's states
 * @param k that of the number of its steps
 */
record EstimatedDistance(int d, int k) {

    /**
     * What a step's direction is multiplied by.
     *
     * @param corrected whether Adam's corrections, of averages that begin at zero, are part of it
     */
    double rate(
            Preparation preparation,
            double learningRate,
            boolean corrected,
            double beta1,
            double beta2) {
        double rate = preparation.state(d) * preparation.rate(learningRate);
        return corrected ? rate * correction(preparation, beta1, beta2) : rate;
    }

    private double correction(Preparation preparation, double beta1, double beta2) {
        double decay1 = preparation.momentum(beta1);
        long steps = Arithmetic.whole(preparation.state(k)) + 1;
        return Math.sqrt(1 - Arithmetic.power(beta2, steps))
                / (1 - Arithmetic.power(decay1, steps));
    }

    /** The same for people. */
    String explanation(Preparation next, double rate, boolean corrected) {
        return Sentence.of(
                "The learning rate is multiplied by d, %s as estimated so far%s, which makes it"
                        + " %s.",
                next.state(d),
                corrected ? ", and corrected for the averages' beginning" : "",
                rate);
    }
}
