package org.panoptim.rule;

import java.util.List;
import java.util.Optional;

/**
 * LAMB: Adam's direction with decoupled weight decay, scaled for each parameter to the parameter's
 * norm (You et al., 2020).
 *
 * <p>Source: NVIDIA Apex, {@code csrc/multi_tensor_lamb.cu}. The gradients of all parameters of the
 * rule are brought down to a largest norm first. A parameter is not scaled if it, its direction or
 * the weight decay is zero.
 *
 * @param learningRate η, at least 0; 1e-3 by default
 * @param beta1 decay of the gradient's average, in [0, 1); 0.9 by default
 * @param beta2 decay of the squared gradient's average, in [0, 1); 0.999 by default
 * @param epsilon added to the root of the second moment, at least 0; 1e-6 by default
 * @param weightDecay λ, at least 0; 0.01 by default
 * @param maxGradNorm the largest norm of all gradients together, above 0; 1 by default
 */
public record LAMB(
        double learningRate,
        double beta1,
        double beta2,
        double epsilon,
        double weightDecay,
        double maxGradNorm)
        implements UpdateRule {

    private static final int EXP_AVG = 0;
    private static final int EXP_AVG_SQ = 1;
    private static final int TRUST_RATIO = 2;
    private static final int GRADIENT = 0;
    private static final int VALUE = 1;
    private static final int DIRECTION = 2;

    private static final RuleDescriptor<LAMB> DESCRIPTOR =
            RuleDescriptor.of(LAMB.class, "NVIDIA Apex, multi_tensor_lamb.cu; You et al., 2020")
                    .learningRate(1e-3, LAMB::learningRate)
                    .correctedDecay("beta1", 0.9, LAMB::beta1)
                    .correctedDecay("beta2", 0.999, LAMB::beta2)
                    .epsilon(1e-6, LAMB::epsilon)
                    .weightDecay(0.01, LAMB::weightDecay)
                    .number("max_grad_norm", RuleSetting.Range.POSITIVE, 1, LAMB::maxGradNorm)
                    .build(
                            v ->
                                    new LAMB(
                                            v.number(),
                                            v.number(),
                                            v.number(),
                                            v.number(),
                                            v.number(),
                                            v.number()));

    /** Checks the hyper-parameters. */
    public LAMB {
        DESCRIPTOR.check(learningRate, beta1, beta2, epsilon, weightDecay, maxGradNorm);
    }

    /** The rule with Apex's defaults. */
    public static LAMB defaults() {
        return DESCRIPTOR.defaults();
    }

    /** The rule with Apex's defaults and this learning rate. */
    public static LAMB withLearningRate(double learningRate) {
        return defaults().atLearningRate(learningRate);
    }

    @Override
    public LAMB atLearningRate(double value) {
        return DESCRIPTOR.with(this, "lr", value);
    }

    @Override
    public RuleDescriptor<LAMB> descriptor() {
        return DESCRIPTOR;
    }

    @Override
    public String name() {
        return "lamb";
    }

    @Override
    public List<Slot> slots() {
        return List.of(
                new Slot("exp_avg"),
                new Slot("exp_avg_sq"),
                new Slot("trust_ratio", Slot.Extent.TENSOR).forOneStep().asReported());
    }

    @Override
    public int phases() {
        return 3;
    }

    @Override
    public List<Reduction> reductions() {
        return List.of(
                new Reduction("gradient", Reduction.Scope.ALL, 0),
                new Reduction("value", Reduction.Scope.TENSOR, 1),
                new Reduction("direction", Reduction.Scope.TENSOR, 1));
    }

    @Override
    public Optional<String> explain(String setting, Preparation next) {
        return setting.equals("max_grad_norm")
                ? Optional.of(
                        Sentence.of(
                                "First the rule scales the gradients of all parameters that it"
                                    + " updates together down to a norm of %s, if it is larger, and"
                                    + " last it multiplies the learning rate by the parameter's"
                                    + " trust ratio.",
                                maxGradNorm))
                : Optional.empty();
    }

    @Override
    public ElementUpdate prepare(int phase, Preparation preparation) {
        if (phase == 0) {
            return element -> element.reduce(GRADIENT, element.gradient(), element.gradient());
        }
        double decay1 = preparation.momentum(beta1);
        double norm = Math.sqrt(preparation.reduction(GRADIENT));
        double correction1 = 1 - Arithmetic.power(decay1, preparation.count());
        double correction2 = 1 - Arithmetic.power(beta2, preparation.count());
        double rate = preparation.rate(learningRate);
        if (phase == 2) {
            preparation.state(TRUST_RATIO, ratio(preparation));
        }
        var scalars =
                new Scalars(
                        (float) (norm > maxGradNorm ? maxGradNorm / norm : 1),
                        (float) (1 - decay1),
                        (float) beta2,
                        (float) (1 - beta2),
                        (float) (1 / correction1),
                        (float) (1 / Math.sqrt(correction2)),
                        (float) epsilon,
                        (float) weightDecay,
                        phase == 2 ? (float) (rate * preparation.state(TRUST_RATIO)) : 0);
        return phase == 1 ? scalars::average : scalars::move;
    }

    private double ratio(Preparation preparation) {
        double value = Math.sqrt(preparation.reduction(VALUE));
        double direction = Math.sqrt(preparation.reduction(DIRECTION));
        return weightDecay != 0 && value != 0 && direction != 0 ? value / direction : 1;
    }

    private record Scalars(
            float shrink,
            float oneMinusBeta1,
            float beta2,
            float oneMinusBeta2,
            float inverseCorrection,
            float inverseRootCorrection,
            float epsilon,
            float weightDecay,
            float stepSize) {

        void average(Element element) {
            float g = element.gradient() * shrink;
            float m = element.state(EXP_AVG);
            float v = element.state(EXP_AVG_SQ);
            m = m + oneMinusBeta1 * (g - m);
            v = beta2 * v + oneMinusBeta2 * (g * g);
            element.state(EXP_AVG, m);
            element.state(EXP_AVG_SQ, v);
            float p = element.parameter();
            float u = direction(p, m, v);
            element.reduce(VALUE, p, p);
            element.reduce(DIRECTION, u, u);
        }

        void move(Element element) {
            float p = element.parameter();
            float u = direction(p, element.state(EXP_AVG), element.state(EXP_AVG_SQ));
            element.parameter(p - stepSize * u);
        }

        private float direction(float p, float m, float v) {
            float denominator = Arithmetic.sqrt(v) * inverseRootCorrection + epsilon;
            return (m * inverseCorrection) / denominator + weightDecay * p;
        }
    }
}
