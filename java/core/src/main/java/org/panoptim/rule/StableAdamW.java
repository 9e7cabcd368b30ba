package org.panoptim.rule;

import java.util.List;
import java.util.OptionalDouble;

/**
 * StableAdamW: AdamW whose learning rate falls, for each parameter, where gradients are large
 * beside what the second moment has seen (Wortsman et al., 2023).
 *
 * <p>Source: optimi, {@code optimi/stableadamw.py}, without its Kahan sums and fully decoupled
 * decay; the default learning rate, of which optimi has none, is kozistr/pytorch_optimizer's, whose
 * epsilon is 1e-8. Both correct the bias as they average, so that the states are the corrected
 * moments: with β̂ = (β − βᵗ)/(1 − βᵗ) in place of β. The rate is divided by max(1, r), where r² is
 * the mean of g²/max(v, ε²) over the parameter, with v the second moment that this step leaves. The
 * decay is multiplied by the same rate. Neither has AMSGrad.
 *
 * <p>A mean that is NaN (in a parameter of no elements, or with ε = 0) leaves the rate as it is.
 *
 * @param learningRate η, at least 0; 1e-3 by default
 * @param beta1 decay of the gradient's average, in [0, 1); 0.9 by default
 * @param beta2 decay of the squared gradient's average, in [0, 1); 0.99 by default
 * @param epsilon ε, added to the root of the second moment, at least 0; 1e-6 by default
 * @param weightDecay λ, at least 0; 1e-2 by default
 * @param maximize whether to climb
 */
public record StableAdamW(
        double learningRate,
        double beta1,
        double beta2,
        double epsilon,
        double weightDecay,
        boolean maximize)
        implements UpdateRule {

    private static final int EXP_AVG = 0;
    private static final int EXP_AVG_SQ = 1;
    private static final int SQUARES = 0;

    private static final RuleDescriptor<StableAdamW> DESCRIPTOR =
            RuleDescriptor.of(StableAdamW.class, "optimi, stableadamw.py; Wortsman et al., 2023")
                    .learningRate(1e-3, StableAdamW::learningRate)
                    .correctedDecay("beta1", 0.9, StableAdamW::beta1)
                    .correctedDecay("beta2", 0.99, StableAdamW::beta2)
                    .epsilon(1e-6, StableAdamW::epsilon)
                    .weightDecay(1e-2, StableAdamW::weightDecay)
                    .flag("maximize", StableAdamW::maximize)
                    .build(
                            v ->
                                    new StableAdamW(
                                            v.number(),
                                            v.number(),
                                            v.number(),
                                            v.number(),
                                            v.number(),
                                            v.flag()));

    /** Checks the hyper-parameters. */
    public StableAdamW {
        DESCRIPTOR.check(learningRate, beta1, beta2, epsilon, weightDecay, maximize);
    }

    /** The rule with optimi's defaults. */
    public static StableAdamW defaults() {
        return DESCRIPTOR.defaults();
    }

    /** The rule with optimi's defaults and this learning rate. */
    public static StableAdamW withLearningRate(double learningRate) {
        return defaults().atLearningRate(learningRate);
    }

    @Override
    public StableAdamW atLearningRate(double value) {
        return DESCRIPTOR.with(this, "lr", value);
    }

    @Override
    public RuleDescriptor<StableAdamW> descriptor() {
        return DESCRIPTOR;
    }

    @Override
    public OptionalDouble decoupledDecay() {
        return weightDecay == 0 ? OptionalDouble.of(0) : OptionalDouble.empty();
    }

    @Override
    public String name() {
        return "stable-adamw";
    }

    @Override
    public List<Slot> slots() {
        return List.of(new Slot("exp_avg"), new Slot("exp_avg_sq"));
    }

    @Override
    public int phases() {
        return 2;
    }

    @Override
    public List<Reduction> reductions() {
        return List.of(new Reduction("squares", Reduction.Scope.TENSOR));
    }

    @Override
    public ElementUpdate prepare(int phase, Preparation preparation) {
        if (phase == 0) {
            double decay1 = preparation.momentum(beta1);
            double power2 = Arithmetic.power(beta2, preparation.count());
            double correction1 = 1 - Arithmetic.power(decay1, preparation.count());
            double correction2 = 1 - power2;
            return new Moments(
                    (float) ((1 - decay1) / correction1),
                    (float) ((beta2 - power2) / correction2),
                    (float) ((1 - beta2) / correction2),
                    (float) epsilon);
        }
        double mean = preparation.reduction(SQUARES) / preparation.shape().elements();
        double root = Math.sqrt(mean);
        double rate = preparation.rate(learningRate);
        if (root > 1) {
            rate = rate / root;
        }
        return new Descent((float) (rate * weightDecay), (float) rate, (float) epsilon);
    }

    private record Moments(float meanWeight, float beta2, float squareWeight, float epsilon)
            implements ElementUpdate {

        @Override
        public void update(Element element) {
            float g = element.gradient();
            float m = element.state(EXP_AVG);
            m = m + meanWeight * (g - m);
            float v = beta2 * element.state(EXP_AVG_SQ) + squareWeight * (g * g);
            element.state(EXP_AVG, m);
            element.state(EXP_AVG_SQ, v);
            float ratio = g / Arithmetic.max(Arithmetic.sqrt(v), epsilon);
            element.reduce(SQUARES, ratio, ratio);
        }
    }

    private record Descent(float decay, float rate, float epsilon) implements ElementUpdate {

        @Override
        public void update(Element element) {
            float p = element.parameter();
            float root = Arithmetic.sqrt(element.state(EXP_AVG_SQ)) + epsilon;
            element.parameter(p - (decay * p + rate * (element.state(EXP_AVG) / root)));
        }
    }
}
