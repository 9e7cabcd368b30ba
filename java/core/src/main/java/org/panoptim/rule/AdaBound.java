package org.panoptim.rule;

import java.util.List;
import java.util.OptionalDouble;

/**
 * AdaBound: Adam whose rate for each element is held between two bounds that meet at the rate of
 * SGD (Luo et al., 2019), with coupled weight decay; with AMSBound as an option.
 *
 * <p>Source: Luolc/AdaBound, {@code adabound/adabound.py}. Epsilon is added to the root before the
 * correction for its beginning. The bounds follow the schedule as the learning rate does; they do
 * not follow another learning rate of the rule, which only Adam's part has. At a learning rate of 0
 * nothing moves, where the source divides by it.
 *
 * @param learningRate η of Adam's part, at least 0; 1e-3 by default
 * @param beta1 decay of the gradient's average, in [0, 1); 0.9 by default
 * @param beta2 decay of the squared gradient's average, in [0, 1); 0.999 by default
 * @param finalLr where the bounds meet, at least 0; 0.1 by default
 * @param gamma how fast: at step t they are 1 − 1/(γ·t + 1) and 1 + 1/(γ·t) of that; above 0; 1e-3
 *     by default
 * @param epsilon added to the root of the second moment, at least 0; 1e-8 by default
 * @param weightDecay λ, at least 0; 0 by default
 * @param amsbound whether the largest second moment so far divides, not the present one
 */
public record AdaBound(
        double learningRate,
        double beta1,
        double beta2,
        double finalLr,
        double gamma,
        double epsilon,
        double weightDecay,
        boolean amsbound)
        implements UpdateRule {

    private static final int EXP_AVG = 0;
    private static final int EXP_AVG_SQ = 1;
    private static final int MAX_EXP_AVG_SQ = 2;

    private static final RuleDescriptor<AdaBound> DESCRIPTOR =
            RuleDescriptor.of(AdaBound.class, "Luolc/AdaBound, adabound.py; Luo et al., 2019")
                    .learningRate(1e-3, AdaBound::learningRate)
                    .correctedDecay("beta1", 0.9, AdaBound::beta1)
                    .correctedDecay("beta2", 0.999, AdaBound::beta2)
                    .number("final_lr", RuleSetting.Range.NON_NEGATIVE, 0.1, AdaBound::finalLr)
                    .number("gamma", RuleSetting.Range.POSITIVE, 1e-3, AdaBound::gamma)
                    .epsilon(1e-8, AdaBound::epsilon)
                    .weightDecay(0, AdaBound::weightDecay)
                    .flag("amsbound", AdaBound::amsbound)
                    .build(
                            v ->
                                    new AdaBound(
                                            v.number(),
                                            v.number(),
                                            v.number(),
                                            v.number(),
                                            v.number(),
                                            v.number(),
                                            v.number(),
                                            v.flag()));

    /** Checks the hyper-parameters. */
    public AdaBound {
        DESCRIPTOR.check(
                learningRate, beta1, beta2, finalLr, gamma, epsilon, weightDecay, amsbound);
    }

    /** The rule with its authors' defaults. */
    public static AdaBound defaults() {
        return DESCRIPTOR.defaults();
    }

    /** The rule with its authors' defaults and this learning rate. */
    public static AdaBound withLearningRate(double learningRate) {
        return defaults().atLearningRate(learningRate);
    }

    @Override
    public AdaBound atLearningRate(double value) {
        return DESCRIPTOR.with(this, "lr", value);
    }

    @Override
    public RuleDescriptor<AdaBound> descriptor() {
        return DESCRIPTOR;
    }

    @Override
    public OptionalDouble decoupledDecay() {
        return weightDecay == 0 ? OptionalDouble.of(0) : OptionalDouble.empty();
    }

    @Override
    public String name() {
        return "adabound";
    }

    @Override
    public String kernelName() {
        return amsbound ? "adabound_amsbound" : "adabound";
    }

    @Override
    public List<Slot> slots() {
        return AdamMoments.slots(amsbound);
    }

    @Override
    public ElementUpdate prepare(int phase, Preparation preparation) {
        double rate = preparation.rate(learningRate);
        double decay1 = preparation.momentum(beta1);
        long step = preparation.count();
        double correction1 = 1 - Arithmetic.power(decay1, step);
        double correction2 = 1 - Arithmetic.power(beta2, step);
        double middle = learningRate > 0 ? preparation.rate(finalLr) : 0;
        return new Scalars(
                (float) weightDecay,
                (float) (1 - decay1),
                (float) beta2,
                (float) (1 - beta2),
                (float) (rate * Math.sqrt(correction2) / correction1),
                (float) epsilon,
                (float) (middle * (1 - 1 / (gamma * step + 1))),
                (float) (middle * (1 + 1 / (gamma * step))),
                amsbound);
    }

    private record Scalars(
            float weightDecay,
            float oneMinusBeta1,
            float beta2,
            float oneMinusBeta2,
            float stepSize,
            float epsilon,
            float lower,
            float upper,
            boolean amsbound)
            implements ElementUpdate {

        @Override
        public void update(Element element) {
            float p = element.parameter();
            float g = element.gradient() + weightDecay * p;
            float m = element.state(EXP_AVG);
            float v = element.state(EXP_AVG_SQ);
            m = m + oneMinusBeta1 * (g - m);
            v = beta2 * v + oneMinusBeta2 * (g * g);
            element.state(EXP_AVG, m);
            element.state(EXP_AVG_SQ, v);
            float second = v;
            if (amsbound) {
                second = Arithmetic.max(element.state(MAX_EXP_AVG_SQ), v);
                element.state(MAX_EXP_AVG_SQ, second);
            }
            float rate = stepSize / (Arithmetic.sqrt(second) + epsilon);
            if (rate < lower || rate > upper) {
                element.held();
            }
            element.parameter(p - Arithmetic.min(Arithmetic.max(rate, lower), upper) * m);
        }
    }
}
