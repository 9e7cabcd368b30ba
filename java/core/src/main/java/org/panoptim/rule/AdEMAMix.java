package org.panoptim.rule;

import java.util.List;
import java.util.OptionalDouble;

/**
 * AdEMAMix: AdamW with a second, much slower average of the gradient beside the first (Pagliardini
 * et al., 2024).
 *
 * <p>Source: apple/ml-ademamix, {@code pytorch/ademamix.py}. The slow average's bias is not
 * corrected. Weight decay is decoupled. The steps of the warm-ups are the parameter's. Where β₁ is
 * 0 the source keeps no fast average, as it would be the gradient; here it is kept. In
 * kozistr/pytorch_optimizer both warm-ups have one length, β₃ rises by another formula, the slow
 * average is divided by the fast one's correction too, and alpha is 5 by default.
 *
 * @param learningRate η, at least 0; 1e-3 by default
 * @param beta1 decay of the fast average of the gradient, in [0, 1); 0.9 by default
 * @param beta2 decay of the squared gradient's average, in [0, 1); 0.999 by default
 * @param beta3 decay of the slow average of the gradient, in [0, 1); 0.9999 by default
 * @param alpha what the slow average is multiplied by, at least 0; 2 by default; its product with
 *     the learning rate must be a float
 * @param epsilon added to the root of the second moment, at least 0; 1e-8 by default
 * @param weightDecay λ, at least 0; 0 by default
 * @param alphaWarmup in how many steps alpha rises from 0, by as much in each; at least 0; 0, the
 *     default, is from the beginning what it is later
 * @param beta3Warmup in how many steps β₃ rises from β₁, so that the half-life of the average rises
 *     by as much in each; at least 0; 0, the default, is from the beginning what it is later
 */
public record AdEMAMix(
        double learningRate,
        double beta1,
        double beta2,
        double beta3,
        double alpha,
        double epsilon,
        double weightDecay,
        long alphaWarmup,
        long beta3Warmup)
        implements UpdateRule {

    private static final int EXP_AVG_FAST = 0;
    private static final int EXP_AVG_SLOW = 1;
    private static final int EXP_AVG_SQ = 2;

    private static final RuleDescriptor<AdEMAMix> DESCRIPTOR =
            RuleDescriptor.of(
                            AdEMAMix.class,
                            "apple/ml-ademamix, ademamix.py; Pagliardini et al., 2024")
                    .learningRate(1e-3, AdEMAMix::learningRate)
                    .correctedDecay("beta1", 0.9, AdEMAMix::beta1)
                    .correctedDecay("beta2", 0.999, AdEMAMix::beta2)
                    .decay("beta3", 0.9999, AdEMAMix::beta3)
                    .number("alpha", RuleSetting.Range.NON_NEGATIVE, 2, AdEMAMix::alpha)
                    .epsilon(1e-8, AdEMAMix::epsilon)
                    .weightDecay(0, AdEMAMix::weightDecay)
                    .count("alpha_warmup", 0, AdEMAMix::alphaWarmup)
                    .count("beta3_warmup", 0, AdEMAMix::beta3Warmup)
                    .build(
                            v ->
                                    new AdEMAMix(
                                            v.number(),
                                            v.number(),
                                            v.number(),
                                            v.number(),
                                            v.number(),
                                            v.number(),
                                            v.number(),
                                            v.count(),
                                            v.count()));

    /** Checks the hyper-parameters. */
    public AdEMAMix {
        DESCRIPTOR.check(
                learningRate,
                beta1,
                beta2,
                beta3,
                alpha,
                epsilon,
                weightDecay,
                alphaWarmup,
                beta3Warmup);
        DESCRIPTOR.check(
                "learningRate times alpha", RuleSetting.Range.NON_NEGATIVE, learningRate * alpha);
    }

    /** The rule with its authors' defaults. */
    public static AdEMAMix defaults() {
        return DESCRIPTOR.defaults();
    }

    /** The rule with its authors' defaults and this learning rate. */
    public static AdEMAMix withLearningRate(double learningRate) {
        return defaults().atLearningRate(learningRate);
    }

    @Override
    public AdEMAMix atLearningRate(double value) {
        return DESCRIPTOR.with(this, "lr", value);
    }

    @Override
    public RuleDescriptor<AdEMAMix> descriptor() {
        return DESCRIPTOR;
    }

    @Override
    public OptionalDouble decoupledDecay() {
        return OptionalDouble.of(weightDecay);
    }

    @Override
    public String name() {
        return "ademamix";
    }

    @Override
    public List<Slot> slots() {
        return List.of(new Slot("exp_avg_fast"), new Slot("exp_avg_slow"), new Slot("exp_avg_sq"));
    }

    private double alphaAt(double step) {
        return step < alphaWarmup ? step / alphaWarmup * alpha : alpha;
    }

    private double beta3At(double step, double first) {
        if (!(step < beta3Warmup)) {
            return beta3;
        }
        double way = step / beta3Warmup;
        double steps = (1 - way) * halfLife(first) + way * halfLife(beta3);
        return StrictMath.pow(0.5, 1 / (steps + 1));
    }

    /** After how many steps, less one, half of a value is left in an average. */
    private static double halfLife(double beta) {
        return StrictMath.log(0.5) / StrictMath.log(beta + 1e-8) - 1;
    }

    @Override
    public ElementUpdate prepare(int phase, Preparation preparation) {
        double rate = preparation.rate(learningRate);
        double decay1 = preparation.momentum(beta1);
        long step = preparation.count();
        double decay3 = beta3At(step, decay1);
        double correction1 = 1 - Arithmetic.power(decay1, step);
        double correction2 = 1 - Arithmetic.power(beta2, step);
        return new Scalars(
                (float) (rate * weightDecay),
                (float) decay1,
                (float) (1 - decay1),
                (float) beta2,
                (float) (1 - beta2),
                (float) decay3,
                (float) (1 - decay3),
                (float) (1 / Math.sqrt(correction2)),
                (float) epsilon,
                (float) (rate / correction1),
                (float) (rate * alphaAt(step)));
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
            float fastStep,
            float slowStep)
            implements ElementUpdate {

        @Override
        public void update(Element element) {
            float p = element.parameter();
            float g = element.gradient();
            float fast = beta1 * element.state(EXP_AVG_FAST) + oneMinusBeta1 * g;
            float slow = beta3 * element.state(EXP_AVG_SLOW) + oneMinusBeta3 * g;
            float v = beta2 * element.state(EXP_AVG_SQ) + oneMinusBeta2 * (g * g);
            element.state(EXP_AVG_FAST, fast);
            element.state(EXP_AVG_SLOW, slow);
            element.state(EXP_AVG_SQ, v);
            float root = Arithmetic.sqrt(v) * inverseRootCorrection + epsilon;
            float step = fastStep * (fast / root) + slowStep * (slow / root);
            element.parameter(p - (decay * p + step));
        }
    }
}
