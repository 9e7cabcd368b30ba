package org.panoptim.rule;

import java.util.List;
import java.util.OptionalDouble;

/**
 * Adan: Adam with Nesterov's momentum, reckoned from the difference of two gradients that follow
 * one another (Xie et al., 2024).
 *
 * <p>Source: sail-sg/Adan, {@code adan.py}, whose β is the weight of what an average was; that of
 * the paper is the weight of what comes in, 1 − β. Optax's {@code adan} has the source's β and
 * defaults, but multiplies the difference, in what is squared and in the step, with 1 − β₂ where
 * the source has β₂, so that its steps are others. The first difference of a parameter is zero. A
 * parameter without a gradient keeps its last one, and its bias is corrected by its own number of
 * steps, where the source counts those of the group.
 *
 * <p>Weight decay is proximal: what the step leads to is divided by 1 + η·λ, written as {@code p −
 * (η·λ/(1 + η·λ)·p + step/(1 + η·λ))}, since 1 + η·λ in float would lose a small decay; or, if
 * asked for, AdamW's. The source clips the gradients' norm too, which is the optimizer's here.
 *
 * @param learningRate η, at least 0; 1e-3 by default
 * @param beta1 decay of the gradient's average, in [0, 1); 0.98 by default
 * @param beta2 decay of the difference's average, and the weight of the difference in what is
 *     squared, in [0, 1); 0.92 by default
 * @param beta3 decay of the average of squares, in [0, 1); 0.99 by default
 * @param epsilon added to the root of the average of squares, at least 0; 1e-8 by default
 * @param weightDecay λ, at least 0; 0 by default
 * @param noProx whether the decay is AdamW's
 */
public record Adan(
        double learningRate,
        double beta1,
        double beta2,
        double beta3,
        double epsilon,
        double weightDecay,
        boolean noProx)
        implements UpdateRule {

    private static final int EXP_AVG = 0;
    private static final int EXP_AVG_SQ = 1;
    private static final int EXP_AVG_DIFF = 2;
    private static final int NEG_PRE_GRAD = 3;

    private static final RuleDescriptor<Adan> DESCRIPTOR =
            RuleDescriptor.of(Adan.class, "sail-sg/Adan, adan.py; Xie et al., 2024")
                    .learningRate(1e-3, Adan::learningRate)
                    .correctedDecay("beta1", 0.98, Adan::beta1)
                    .correctedDecay("beta2", 0.92, Adan::beta2)
                    .correctedDecay("beta3", 0.99, Adan::beta3)
                    .epsilon(1e-8, Adan::epsilon)
                    .weightDecay(0, Adan::weightDecay)
                    .flag("no_prox", Adan::noProx)
                    .build(
                            v ->
                                    new Adan(
                                            v.number(),
                                            v.number(),
                                            v.number(),
                                            v.number(),
                                            v.number(),
                                            v.number(),
                                            v.flag()));

    /** Checks the hyper-parameters. */
    public Adan {
        DESCRIPTOR.check(learningRate, beta1, beta2, beta3, epsilon, weightDecay, noProx);
    }

    /** The rule with its authors' defaults. */
    public static Adan defaults() {
        return DESCRIPTOR.defaults();
    }

    /** The rule with its authors' defaults and this learning rate. */
    public static Adan withLearningRate(double learningRate) {
        return defaults().atLearningRate(learningRate);
    }

    @Override
    public Adan atLearningRate(double value) {
        return DESCRIPTOR.with(this, "lr", value);
    }

    @Override
    public RuleDescriptor<Adan> descriptor() {
        return DESCRIPTOR;
    }

    @Override
    public OptionalDouble decoupledDecay() {
        return noProx || weightDecay == 0 ? OptionalDouble.of(weightDecay) : OptionalDouble.empty();
    }

    @Override
    public String name() {
        return "adan";
    }

    @Override
    public List<Slot> slots() {
        return List.of(
                new Slot("exp_avg"),
                new Slot("exp_avg_sq"),
                new Slot("exp_avg_diff"),
                new Slot("neg_pre_grad"));
    }

    @Override
    public ElementUpdate prepare(int phase, Preparation preparation) {
        double rate = preparation.rate(learningRate);
        double decay1 = preparation.momentum(beta1);
        long step = preparation.count();
        double correction1 = 1 - Arithmetic.power(decay1, step);
        double correction2 = 1 - Arithmetic.power(beta2, step);
        double correction3 = 1 - Arithmetic.power(beta3, step);
        double decay = rate * weightDecay;
        double divisor = noProx ? 1 : 1 + decay;
        return new Scalars(
                (float) (decay / divisor),
                (float) decay1,
                (float) (1 - decay1),
                (float) beta2,
                (float) (1 - beta2),
                (float) beta3,
                (float) (1 - beta3),
                (float) (1 / Math.sqrt(correction3)),
                (float) epsilon,
                (float) (rate / correction1 / divisor),
                (float) (rate * beta2 / correction2 / divisor),
                step == 1);
    }

    private record Scalars(
            float decay,
            float beta1,
            float oneMinusBeta1,
            float beta2,
            float oneMinusBeta2,
            float beta3,
            float oneMinusBeta3,
            float inverseRootCorrection,
            float epsilon,
            float momentStep,
            float differenceStep,
            boolean first)
            implements ElementUpdate {

        @Override
        public void update(Element element) {
            float p = element.parameter();
            float g = element.gradient();
            float change = first ? 0 : element.state(NEG_PRE_GRAD) + g;
            float m = beta1 * element.state(EXP_AVG) + oneMinusBeta1 * g;
            float d = beta2 * element.state(EXP_AVG_DIFF) + oneMinusBeta2 * change;
            float ahead = beta2 * change + g;
            float v = beta3 * element.state(EXP_AVG_SQ) + oneMinusBeta3 * (ahead * ahead);
            element.state(EXP_AVG, m);
            element.state(EXP_AVG_SQ, v);
            element.state(EXP_AVG_DIFF, d);
            element.state(NEG_PRE_GRAD, -g);
            float root = Arithmetic.sqrt(v) * inverseRootCorrection + epsilon;
            float step = momentStep * (m / root) + differenceStep * (d / root);
            element.parameter(p - (decay * p + step));
        }
    }
}
