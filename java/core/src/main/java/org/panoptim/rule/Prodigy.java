package org.panoptim.rule;

import java.util.List;
import java.util.Optional;

/**
 * Prodigy: Adam whose step size d is found by itself, from how far the parameters have moved from
 * where they began along the gradients (Mishchenko and Defazio, 2024).
 *
 * <p>Source: konstmish/prodigy, {@code prodigyopt/prodigy.py}. Each group keeps its d for itself,
 * found from the sums over all parameters of the rule, so that groups of equal settings agree; a
 * group whose learning rate is 0 stands still, and adds nothing to the sums. Where the parameters
 * began is where they were when the optimizer was built.
 *
 * @param learningRate what d is multiplied by, at least 0; 1 by default
 * @param beta1 decay of the gradient's average, in [0, 1); 0.9 by default
 * @param beta2 decay of the squared gradient's average, in [0, 1); 0.999 by default
 * @param beta3 decay of what d is found from, in [0, 1); 0, the default, is the root of beta2
 * @param epsilon times d, added to the root of the second moment, at least 0; 1e-8 by default
 * @param weightDecay λ, at least 0; 0 by default
 * @param decouple whether the decay is AdamW's, as by default
 * @param useBiasCorrection whether the moments are corrected for their beginning
 * @param safeguardWarmup whether the learning rate is left out of what d is divided by, for
 *     learning rates that rise slowly
 * @param d0 what d begins as, above 0; 1e-6 by default
 * @param dCoef what the estimate of d is multiplied by, above 0; 1 by default
 * @param growthRate how much d may grow in a step, at least 1; without bound by default
 */
public record Prodigy(
        double learningRate,
        double beta1,
        double beta2,
        double beta3,
        double epsilon,
        double weightDecay,
        boolean decouple,
        boolean useBiasCorrection,
        boolean safeguardWarmup,
        double d0,
        double dCoef,
        double growthRate)
        implements UpdateRule {

    private static final int EXP_AVG = 0;
    private static final int EXP_AVG_SQ = 1;
    private static final int S = 2;
    private static final int P0 = 3;
    private static final int D = 4;
    private static final int D_MAX = 5;
    private static final int D_NUMERATOR = 6;
    private static final int K = 7;
    private static final int DLR = 8;
    private static final int DISTANCE = 0;
    private static final int MAGNITUDE = 1;
    private static final EstimatedDistance ESTIMATE = new EstimatedDistance(D, K);

    private static final RuleDescriptor<Prodigy> DESCRIPTOR =
            RuleDescriptor.of(Prodigy.class, "konstmish/prodigy; Mishchenko & Defazio, 2024")
                    .learningRate(1, Prodigy::learningRate)
                    .decay("beta1", 0.9, Prodigy::beta1)
                    .decay("beta2", 0.999, Prodigy::beta2)
                    .decay("beta3", 0, Prodigy::beta3)
                    .epsilon(1e-8, Prodigy::epsilon)
                    .weightDecay(0, Prodigy::weightDecay)
                    .flag("decouple", true, Prodigy::decouple)
                    .flag("use_bias_correction", Prodigy::useBiasCorrection)
                    .flag("safeguard_warmup", Prodigy::safeguardWarmup)
                    .number("d0", RuleSetting.Range.POSITIVE, 1e-6, Prodigy::d0)
                    .number("d_coef", RuleSetting.Range.POSITIVE, 1, Prodigy::dCoef)
                    .number(
                            "growth_rate",
                            RuleSetting.Range.GROWTH,
                            Double.POSITIVE_INFINITY,
                            Prodigy::growthRate)
                    .build(
                            v ->
                                    new Prodigy(
                                            v.number(),
                                            v.number(),
                                            v.number(),
                                            v.number(),
                                            v.number(),
                                            v.number(),
                                            v.flag(),
                                            v.flag(),
                                            v.flag(),
                                            v.number(),
                                            v.number(),
                                            v.number()));

    /** Checks the hyper-parameters. */
    public Prodigy {
        DESCRIPTOR.check(
                learningRate,
                beta1,
                beta2,
                beta3,
                epsilon,
                weightDecay,
                decouple,
                useBiasCorrection,
                safeguardWarmup,
                d0,
                dCoef,
                growthRate);
    }

    /** The rule with its authors' defaults. */
    public static Prodigy defaults() {
        return DESCRIPTOR.defaults();
    }

    @Override
    public Prodigy atLearningRate(double value) {
        return DESCRIPTOR.with(this, "lr", value);
    }

    @Override
    public RuleDescriptor<Prodigy> descriptor() {
        return DESCRIPTOR;
    }

    @Override
    public String name() {
        return "prodigy";
    }

    @Override
    public List<Slot> slots() {
        return List.of(
                new Slot("exp_avg"),
                new Slot("exp_avg_sq"),
                new Slot("s"),
                new Slot("p0").startingAtParameter(),
                new Slot("d", Slot.Extent.RULE).startingAt(d0).asReported(),
                new Slot("d_max", Slot.Extent.RULE).startingAt(d0),
                new Slot("d_numerator", Slot.Extent.RULE),
                new Slot("k", Slot.Extent.RULE),
                new Slot("dlr", Slot.Extent.RULE));
    }

    @Override
    public int phases() {
        return 2;
    }

    @Override
    public List<Reduction> reductions() {
        return List.of(
                new Reduction("distance", Reduction.Scope.ALL),
                new Reduction("magnitude", Reduction.Scope.ALL));
    }

    private double usedBeta3() {
        return beta3 != 0 ? beta3 : Math.sqrt(beta2);
    }

    @Override
    public void settle(int phase, Preparation preparation) {
        if (phase == 0) {
            preparation.state(DLR, stepRate(preparation));
        } else if (preparation.reduction(MAGNITUDE) == 0) {
            // Nothing has moved, and nothing will.
            preparation.state(DLR, 0);
        } else {
            adapt(preparation);
        }
    }

    private double stepRate(Preparation preparation) {
        return ESTIMATE.rate(preparation, learningRate, useBiasCorrection, beta1, beta2);
    }

    private void adapt(Preparation preparation) {
        double d = preparation.state(D);
        double rate = preparation.state(DLR);
        double numerator =
                usedBeta3() * preparation.state(D_NUMERATOR)
                        + (d / d0) * rate * preparation.reduction(DISTANCE);
        preparation.state(D_NUMERATOR, numerator);
        if (rate > 0) {
            double estimate = dCoef * numerator / preparation.reduction(MAGNITUDE);
            if (d == d0) {
                d = Arithmetic.max(d, estimate);
            }
            double largest = Arithmetic.max(preparation.state(D_MAX), estimate);
            preparation.state(D_MAX, largest);
            preparation.state(D, Arithmetic.min(largest, d * growthRate));
        }
        preparation.state(K, preparation.state(K) + 1);
    }

    @Override
    public Optional<String> explain(String setting, Preparation next) {
        return setting.equals("d0")
                ? Optional.of(ESTIMATE.explanation(next, stepRate(next), useBiasCorrection))
                : Optional.empty();
    }

    @Override
    public ElementUpdate prepare(int phase, Preparation preparation) {
        double d = preparation.state(D);
        double rate = preparation.state(DLR);
        if (phase == 0) {
            double decay1 = preparation.momentum(beta1);
            return new Moments(
                    preparation.rate(learningRate) > 0,
                    (float) (decouple ? 0 : weightDecay),
                    (float) decay1,
                    (float) (d * (1 - decay1)),
                    (float) beta2,
                    (float) (d * d * (1 - beta2)),
                    (float) usedBeta3(),
                    (float) ((d / d0) * (safeguardWarmup ? d : rate)));
        }
        return new Descent(
                (float) (decouple ? rate * weightDecay : 0), (float) rate, (float) (d * epsilon));
    }

    private record Moments(
            boolean moving,
            float weightDecay,
            float beta1,
            float meanWeight,
            float beta2,
            float squareWeight,
            float beta3,
            float sWeight)
            implements ElementUpdate {

        @Override
        public void update(Element element) {
            if (!moving) {
                element.reduce(DISTANCE, 0, 0);
                element.reduce(MAGNITUDE, 0, 1);
                return;
            }
            float p = element.parameter();
            float g = element.gradient() + weightDecay * p;
            float m = beta1 * element.state(EXP_AVG) + meanWeight * g;
            float v = beta2 * element.state(EXP_AVG_SQ) + squareWeight * (g * g);
            float s = beta3 * element.state(S) + sWeight * g;
            element.state(EXP_AVG, m);
            element.state(EXP_AVG_SQ, v);
            element.state(S, s);
            element.reduce(DISTANCE, g, element.state(P0) - p);
            element.reduce(MAGNITUDE, Arithmetic.abs(s), 1);
        }
    }

    private record Descent(float decay, float stepSize, float epsilon) implements ElementUpdate {

        @Override
        public void update(Element element) {
            if (stepSize != 0) {
                float p = element.parameter();
                float root = Arithmetic.sqrt(element.state(EXP_AVG_SQ)) + epsilon;
                float ratio = element.state(EXP_AVG) / root;
                element.parameter(p - (decay * p + stepSize * ratio));
            }
        }
    }
}
