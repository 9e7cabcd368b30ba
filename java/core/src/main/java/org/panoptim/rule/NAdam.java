package org.panoptim.rule;

import java.util.List;
import java.util.OptionalDouble;

/**
 * NAdam: Adam with Nesterov's momentum, whose weight rises with the steps (Dozat, 2016). Weight
 * decay is coupled, or decoupled if asked for.
 *
 * <p>Source: PyTorch, {@code torch.optim.NAdam}.
 *
 * @param learningRate η, at least 0; 2e-3 by default
 * @param beta1 decay of the gradient's average, in [0, 1); 0.9 by default
 * @param beta2 decay of the squared gradient's average, in [0, 1); 0.999 by default
 * @param epsilon added to the root of the second moment, at least 0; 1e-8 by default
 * @param weightDecay λ, at least 0; 0 by default
 * @param momentumDecay ψ: the momentum of step t is β₁·(1 − ½·0.96^(t·ψ)); at least 0; 4e-3 by
 *     default
 * @param decoupledWeightDecay whether the decay is AdamW's
 * @param maximize whether to climb
 */
public record NAdam(
        double learningRate,
        double beta1,
        double beta2,
        double epsilon,
        double weightDecay,
        double momentumDecay,
        boolean decoupledWeightDecay,
        boolean maximize)
        implements UpdateRule {

    private static final int EXP_AVG = 0;
    private static final int EXP_AVG_SQ = 1;
    private static final int MU_PRODUCT = 2;

    private static final RuleDescriptor<NAdam> DESCRIPTOR =
            RuleDescriptor.of(NAdam.class, "PyTorch, torch.optim.NAdam")
                    .learningRate(2e-3, NAdam::learningRate)
                    .decay("beta1", 0.9, NAdam::beta1)
                    .correctedDecay("beta2", 0.999, NAdam::beta2)
                    .epsilon(1e-8, NAdam::epsilon)
                    .weightDecay(0, NAdam::weightDecay)
                    .number(
                            "momentum_decay",
                            RuleSetting.Range.NON_NEGATIVE,
                            4e-3,
                            NAdam::momentumDecay)
                    .flag("decoupled_weight_decay", NAdam::decoupledWeightDecay)
                    .flag("maximize", NAdam::maximize)
                    .build(
                            v ->
                                    new NAdam(
                                            v.number(),
                                            v.number(),
                                            v.number(),
                                            v.number(),
                                            v.number(),
                                            v.number(),
                                            v.flag(),
                                            v.flag()));

    /** Checks the hyper-parameters. */
    public NAdam {
        DESCRIPTOR.check(
                learningRate,
                beta1,
                beta2,
                epsilon,
                weightDecay,
                momentumDecay,
                decoupledWeightDecay,
                maximize);
    }

    /** The rule with PyTorch's defaults. */
    public static NAdam defaults() {
        return DESCRIPTOR.defaults();
    }

    /** The rule with PyTorch's defaults and this learning rate. */
    public static NAdam withLearningRate(double learningRate) {
        return defaults().atLearningRate(learningRate);
    }

    @Override
    public NAdam atLearningRate(double value) {
        return DESCRIPTOR.with(this, "lr", value);
    }

    @Override
    public RuleDescriptor<NAdam> descriptor() {
        return DESCRIPTOR;
    }

    @Override
    public OptionalDouble decoupledDecay() {
        return decoupledWeightDecay || weightDecay == 0
                ? OptionalDouble.of(weightDecay)
                : OptionalDouble.empty();
    }

    @Override
    public String name() {
        return "nadam";
    }

    @Override
    public List<Slot> slots() {
        return List.of(
                new Slot("exp_avg"),
                new Slot("exp_avg_sq"),
                new Slot("mu_product", Slot.Extent.TENSOR).startingAt(1));
    }

    private double momentumAt(double decay, long step) {
        return decay * (1 - 0.5 * StrictMath.pow(0.96, step * momentumDecay));
    }

    @Override
    public ElementUpdate prepare(int phase, Preparation preparation) {
        double rate = preparation.rate(learningRate);
        double decay1 = preparation.momentum(beta1);
        long step = preparation.count();
        double now = momentumAt(decay1, step);
        double next = momentumAt(decay1, step + 1);
        double product = preparation.state(MU_PRODUCT) * now;
        preparation.state(MU_PRODUCT, product);
        return new Scalars(
                (float) (decoupledWeightDecay ? rate * weightDecay : 0),
                (float) (decoupledWeightDecay ? 0 : weightDecay),
                (float) (1 - decay1),
                (float) beta2,
                (float) (1 - beta2),
                (float) (1 / Math.sqrt(1 - Arithmetic.power(beta2, step))),
                (float) epsilon,
                (float) (rate * (1 - now) / (1 - product)),
                (float) (rate * next / (1 - product * next)));
    }

    private record Scalars(
            float decay,
            float weightDecay,
            float oneMinusBeta1,
            float beta2,
            float oneMinusBeta2,
            float inverseRootCorrection,
            float epsilon,
            float gradientStep,
            float momentStep)
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
            float d = Arithmetic.sqrt(v) * inverseRootCorrection + epsilon;
            element.parameter(p - (decay * p + (gradientStep * (g / d) + momentStep * (m / d))));
        }
    }
}
