package org.panoptim.rule;

import java.util.List;

/**
 * Lion, evolved sign momentum (Chen et al., 2023).
 *
 * <p>Source: google/automl, {@code lion/lion_pytorch.py}. Weight decay is decoupled. The sign of
 * zero is zero and the sign of NaN is NaN.
 *
 * @param learningRate η, at least 0; 1e-4 by default
 * @param beta1 weight of the momentum in the direction, in [0, 1); 0.9 by default
 * @param beta2 decay of the momentum, in [0, 1); 0.99 by default
 * @param weightDecay λ, at least 0; 0 by default
 */
public record Lion(
        @Setting("lr") double learningRate,
        @Setting("beta1") double beta1,
        @Setting("beta2") double beta2,
        @Setting("weight_decay") double weightDecay)
        implements PhasedRule {

    private static final int EXP_AVG = 0;

    /** Checks the hyper-parameters. */
    public Lion {
        HyperParameters.rates("Lion", learningRate, weightDecay);
        HyperParameters.decay("Lion", "beta1", beta1);
        HyperParameters.decay("Lion", "beta2", beta2);
    }

    /** The rule with its authors' defaults. */
    public static Lion defaults() {
        return new Lion(1e-4, 0.9, 0.99, 0);
    }

    /** The rule with its authors' defaults and this learning rate. */
    public static Lion withLearningRate(double learningRate) {
        return defaults().atLearningRate(learningRate);
    }

    @Override
    public Lion atLearningRate(double value) {
        return new Lion(value, beta1, beta2, weightDecay);
    }

    /** This rule with other decays. */
    public Lion withBetas(double first, double second) {
        return new Lion(learningRate, first, second, weightDecay);
    }

    /** This rule with another weight decay. */
    public Lion withWeightDecay(double value) {
        return new Lion(learningRate, beta1, beta2, value);
    }

    @Override
    public String name() {
        return "lion";
    }

    @Override
    public String kernel() {
        return "lion";
    }

    @Override
    public List<Slot> slots() {
        return List.of(new Slot("exp_avg"));
    }

    @Override
    public ElementUpdate prepare(int phase, Preparation preparation) {
        double rate = preparation.rate(learningRate);
        double direction = preparation.momentum(beta1);
        return new Scalars(
                (float) rate,
                (float) (rate * weightDecay),
                (float) direction,
                (float) (1 - direction),
                (float) beta2,
                (float) (1 - beta2));
    }

    private record Scalars(
            float rate,
            float decay,
            float beta1,
            float oneMinusBeta1,
            float beta2,
            float oneMinusBeta2)
            implements ElementUpdate {

        @Override
        public void update(Element element) {
            float p = element.parameter();
            float g = element.gradient();
            float m = element.state(EXP_AVG);
            float u = beta1 * m + oneMinusBeta1 * g;
            element.parameter(p - (decay * p + rate * Arithmetic.sign(u)));
            element.state(EXP_AVG, beta2 * m + oneMinusBeta2 * g);
        }
    }
}
