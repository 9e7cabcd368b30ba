package org.panoptim.rule;

import java.util.List;
import java.util.OptionalDouble;

/**
 * LaProp: the average of gradients that are divided by the root of the second moment before, where
 * Adam divides the average (Ziyin, Wang and Ueda, 2020), with decoupled weight decay after the
 * step.
 *
 * <p>Source: the algorithm of the paper, and the defaults of its authors' program, Z-T-WANG's
 * {@code laprop.py}. That program and timm's {@code laprop.py} keep the average multiplied by the
 * learning rate, and divide by the average of learning rates: the same steps as long as the
 * learning rate is, but with another {@code exp_avg}, and under a schedule with a step's own
 * learning rate in its share of the average. The authors' decay is λ alone; η·λ, as here, is
 * timm's.
 *
 * @param learningRate η, at least 0; 4e-4 by default
 * @param beta1 decay of the average of divided gradients, in [0, 1); 0.9 by default
 * @param beta2 decay of the squared gradient's average, in [0, 1); 0.999 by default
 * @param epsilon added to the root of the second moment, at least 0; 1e-15 by default
 * @param weightDecay λ, at least 0; 0 by default
 */
public record LaProp(
        double learningRate, double beta1, double beta2, double epsilon, double weightDecay)
        implements UpdateRule {

    private static final int EXP_AVG = 0;
    private static final int EXP_AVG_SQ = 1;

    private static final RuleDescriptor<LaProp> DESCRIPTOR =
            RuleDescriptor.of(LaProp.class, "Ziyin et al., LaProp, 2020")
                    .learningRate(4e-4, LaProp::learningRate)
                    .correctedDecay("beta1", 0.9, LaProp::beta1)
                    .correctedDecay("beta2", 0.999, LaProp::beta2)
                    .epsilon(1e-15, LaProp::epsilon)
                    .weightDecay(0, LaProp::weightDecay)
                    .build(
                            v ->
                                    new LaProp(
                                            v.number(),
                                            v.number(),
                                            v.number(),
                                            v.number(),
                                            v.number()));

    /** Checks the hyper-parameters. */
    public LaProp {
        DESCRIPTOR.check(learningRate, beta1, beta2, epsilon, weightDecay);
    }

    /** The rule with its authors' defaults. */
    public static LaProp defaults() {
        return DESCRIPTOR.defaults();
    }

    /** The rule with its authors' defaults and this learning rate. */
    public static LaProp withLearningRate(double learningRate) {
        return defaults().atLearningRate(learningRate);
    }

    @Override
    public LaProp atLearningRate(double value) {
        return DESCRIPTOR.with(this, "lr", value);
    }

    @Override
    public RuleDescriptor<LaProp> descriptor() {
        return DESCRIPTOR;
    }

    @Override
    public OptionalDouble decoupledDecay() {
        return OptionalDouble.of(weightDecay);
    }

    @Override
    public String name() {
        return "laprop";
    }

    @Override
    public List<Slot> slots() {
        return List.of(new Slot("exp_avg"), new Slot("exp_avg_sq"));
    }

    @Override
    public ElementUpdate prepare(int phase, Preparation preparation) {
        double rate = preparation.rate(learningRate);
        double decay1 = preparation.momentum(beta1);
        double correction1 = 1 - Arithmetic.power(decay1, preparation.count());
        double correction2 = 1 - Arithmetic.power(beta2, preparation.count());
        // What the step leads to decays, and so the step with it.
        double decay = rate * weightDecay;
        return new Scalars(
                (float) decay,
                (float) (1 - decay1),
                (float) beta2,
                (float) (1 - beta2),
                (float) (rate / correction1 * (1 - decay)),
                (float) (1 / Math.sqrt(correction2)),
                (float) epsilon);
    }

    private record Scalars(
            float decay,
            float oneMinusBeta1,
            float beta2,
            float oneMinusBeta2,
            float stepSize,
            float inverseRootCorrection,
            float epsilon)
            implements ElementUpdate {

        @Override
        public void update(Element element) {
            float p = element.parameter();
            float g = element.gradient();
            float m = element.state(EXP_AVG);
            float v = beta2 * element.state(EXP_AVG_SQ) + oneMinusBeta2 * (g * g);
            float u = g / (Arithmetic.sqrt(v) * inverseRootCorrection + epsilon);
            m = m + oneMinusBeta1 * (u - m);
            element.state(EXP_AVG, m);
            element.state(EXP_AVG_SQ, v);
            element.parameter(p - (decay * p + stepSize * m));
        }
    }
}
