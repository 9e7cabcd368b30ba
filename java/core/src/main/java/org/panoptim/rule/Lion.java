package org.panoptim.rule;

import java.util.List;
import java.util.OptionalDouble;

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
public record Lion(double learningRate, double beta1, double beta2, double weightDecay)
        implements UpdateRule {

    private static final int EXP_AVG = 0;

    private static final RuleDescriptor<Lion> DESCRIPTOR =
            RuleDescriptor.of(Lion.class, "google/automl, lion_pytorch.py; Chen et al., 2023")
                    .learningRate(1e-4, Lion::learningRate)
                    .decay("beta1", 0.9, Lion::beta1)
                    .decay("beta2", 0.99, Lion::beta2)
                    .weightDecay(0, Lion::weightDecay)
                    .build(v -> new Lion(v.number(), v.number(), v.number(), v.number()));

    /** Checks the hyper-parameters. */
    public Lion {
        DESCRIPTOR.check(learningRate, beta1, beta2, weightDecay);
    }

    /** The rule with its authors' defaults. */
    public static Lion defaults() {
        return DESCRIPTOR.defaults();
    }

    /** The rule with its authors' defaults and this learning rate. */
    public static Lion withLearningRate(double learningRate) {
        return defaults().atLearningRate(learningRate);
    }

    @Override
    public Lion atLearningRate(double value) {
        return DESCRIPTOR.with(this, "lr", value);
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
    public RuleDescriptor<Lion> descriptor() {
        return DESCRIPTOR;
    }

    @Override
    public OptionalDouble decoupledDecay() {
        return OptionalDouble.of(weightDecay);
    }

    @Override
    public String name() {
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
