package org.panoptim.rule;

import java.util.List;
import java.util.Optional;

/**
 * D-Adaptation of Adam: Adam whose step size d is found by itself, as a lower bound of the distance
 * to the solution that only grows (Defazio and Mishchenko, 2023).
 *
 * <p>Source: facebookresearch/dadaptation, {@code dadaptation/dadapt_adam.py}, without its scales
 * of layers. The paper's variant, which earlier versions of the program were, finds d from squares
 * of gradients instead. Each group keeps its d for itself, found from the sums over all parameters
 * of the rule, so that groups of equal settings agree; a group whose learning rate is 0 stands
 * still, and adds nothing to the sums. As in the source, a step moves by the d of the step before;
 * as long as all gradients are zeros, nothing moves or decays; and epsilon is above 0.
 *
 * @param learningRate what d is multiplied by, at least 0; 1 by default
 * @param beta1 decay of the gradient's average, in [0, 1); 0.9 by default
 * @param beta2 decay of the squared gradient's average, in [0, 1), whose root is that of what d is
 *     found from; 0.999 by default
 * @param epsilon added to the root of the second moment, above 0; 1e-8 by default
 * @param weightDecay λ, at least 0; 0 by default
 * @param decouple whether the decay is AdamW's, with d in its rate
 * @param useBiasCorrection whether the moments are corrected for their beginning
 * @param d0 what d begins as, above 0; 1e-6 by default
 * @param growthRate how much d may grow in a step, at least 1; without bound by default
 */
public record DAdaptAdam(
        double learningRate,
        double beta1,
        double beta2,
        double epsilon,
        double weightDecay,
        boolean decouple,
        boolean useBiasCorrection,
        double d0,
        double growthRate)
        implements UpdateRule {

    private static final int EXP_AVG = 0;
    private static final int EXP_AVG_SQ = 1;
    private static final int S = 2;
    private static final int D = 3;
    private static final int NUMERATOR_WEIGHTED = 4;
    private static final int K = 5;
    private static final int DLR = 6;
    private static final int NUMERATOR = 0;
    private static final int MAGNITUDE = 1;
    private static final EstimatedDistance ESTIMATE = new EstimatedDistance(D, K);

    private static final RuleDescriptor<DAdaptAdam> DESCRIPTOR =
            RuleDescriptor.of(
                            DAdaptAdam.class,
                            "facebookresearch/dadaptation, dadapt_adam.py; Defazio & Mishchenko,"
                                    + " 2023")
                    .learningRate(1, DAdaptAdam::learningRate)
                    .decay("beta1", 0.9, DAdaptAdam::beta1)
                    .decay("beta2", 0.999, DAdaptAdam::beta2)
                    .positiveEpsilon(1e-8, DAdaptAdam::epsilon)
                    .weightDecay(0, DAdaptAdam::weightDecay)
                    .flag("decouple", DAdaptAdam::decouple)
                    .flag("use_bias_correction", DAdaptAdam::useBiasCorrection)
                    .number("d0", RuleSetting.Range.POSITIVE, 1e-6, DAdaptAdam::d0)
                    .number(
                            "growth_rate",
                            RuleSetting.Range.GROWTH,
                            Double.POSITIVE_INFINITY,
                            DAdaptAdam::growthRate)
                    .build(
                            v ->
                                    new DAdaptAdam(
                                            v.number(),
                                            v.number(),
                                            v.number(),
                                            v.number(),
                                            v.number(),
                                            v.flag(),
                                            v.flag(),
                                            v.number(),
                                            v.number()));

    /** Checks the hyper-parameters. */
    public DAdaptAdam {
        DESCRIPTOR.check(
                learningRate,
                beta1,
                beta2,
                epsilon,
                weightDecay,
                decouple,
                useBiasCorrection,
                d0,
                growthRate);
    }

    /** The rule with its authors' defaults. */
    public static DAdaptAdam defaults() {
        return DESCRIPTOR.defaults();
    }

    @Override
    public DAdaptAdam atLearningRate(double value) {
        return DESCRIPTOR.with(this, "lr", value);
    }

    @Override
    public RuleDescriptor<DAdaptAdam> descriptor() {
        return DESCRIPTOR;
    }

    @Override
    public String name() {
        return "dadapt-adam";
    }

    @Override
    public List<Slot> slots() {
        return List.of(
                new Slot("exp_avg"),
                new Slot("exp_avg_sq"),
                new Slot("s"),
                new Slot("d", Slot.Extent.RULE).startingAt(d0).asReported(),
                new Slot("numerator_weighted", Slot.Extent.RULE),
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
                new Reduction("numerator", Reduction.Scope.ALL),
                new Reduction("magnitude", Reduction.Scope.ALL));
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
        double decay = Math.sqrt(beta2);
        double numerator =
                decay * preparation.state(NUMERATOR_WEIGHTED)
                        + (1 - decay) * (rate * preparation.reduction(NUMERATOR));
        preparation.state(NUMERATOR_WEIGHTED, numerator);
        if (rate > 0) {
            double estimate = numerator / ((1 - decay) * preparation.reduction(MAGNITUDE));
            double bounded = Arithmetic.min(estimate, d * growthRate);
            // An estimate that is NaN leaves d alone, as in the source.
            if (bounded > d) {
                preparation.state(D, bounded);
            }
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
        double rate = preparation.state(DLR);
        boolean moving = rate > 0;
        if (phase == 0) {
            double decay1 = preparation.momentum(beta1);
            double decay = Math.sqrt(beta2);
            return new Moments(
                    moving,
                    (float) (decouple ? 0 : weightDecay),
                    (float) epsilon,
                    (float) decay1,
                    (float) (rate * (1 - decay1)),
                    (float) beta2,
                    (float) (1 - beta2),
                    (float) decay,
                    (float) (rate * (1 - decay)));
        }
        return new Descent(moving, (float) (decouple ? rate * weightDecay : 0), (float) epsilon);
    }

    private record Moments(
            boolean moving,
            float weightDecay,
            float epsilon,
            float beta1,
            float meanWeight,
            float beta2,
            float squareWeight,
            float rootBeta2,
            float sWeight)
            implements ElementUpdate {

        @Override
        public void update(Element element) {
            if (!moving) {
                element.reduce(NUMERATOR, 0, 0);
                element.reduce(MAGNITUDE, 0, 1);
                return;
            }
            float g = element.gradient() + weightDecay * element.parameter();
            float v = element.state(EXP_AVG_SQ);
            float s = element.state(S);
            element.reduce(NUMERATOR, g, s / (Arithmetic.sqrt(v) + epsilon));
            s = rootBeta2 * s + sWeight * g;
            element.state(EXP_AVG, beta1 * element.state(EXP_AVG) + meanWeight * g);
            element.state(EXP_AVG_SQ, beta2 * v + squareWeight * (g * g));
            element.state(S, s);
            element.reduce(MAGNITUDE, Arithmetic.abs(s), 1);
        }
    }

    private record Descent(boolean moving, float decay, float epsilon) implements ElementUpdate {

        @Override
        public void update(Element element) {
            if (moving) {
                float p = element.parameter();
                float root = Arithmetic.sqrt(element.state(EXP_AVG_SQ)) + epsilon;
                element.parameter(p - (decay * p + element.state(EXP_AVG) / root));
            }
        }
    }
}
