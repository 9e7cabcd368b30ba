package org.panoptim.rule;

import java.util.List;

/**
 * Adam with decoupled weight decay (Loshchilov and Hutter, 2019), with AMSGrad as an option.
 *
 * <p>Source: PyTorch, {@code torch.optim.AdamW}. The decay is {@code p −= (η·λ)·p + step}: a factor
 * 1 − η·λ in float would lose a small decay.
 *
 * @param learningRate η, at least 0; 1e-3 by default
 * @param beta1 decay of the gradient's average, in [0, 1); 0.9 by default
 * @param beta2 decay of the squared gradient's average, in [0, 1); 0.999 by default
 * @param epsilon added to the root of the second moment, at least 0; 1e-8 by default
 * @param weightDecay λ, at least 0; 1e-2 by default
 * @param amsgrad whether the largest second moment so far divides, not the present one
 * @param maximize whether to climb
 */
public record AdamW(
        @Setting("lr") double learningRate,
        @Setting("beta1") double beta1,
        @Setting("beta2") double beta2,
        @Setting("eps") double epsilon,
        @Setting("weight_decay") double weightDecay,
        @Setting("amsgrad") boolean amsgrad,
        @Setting("maximize") boolean maximize)
        implements PhasedRule {

    /** Checks the hyper-parameters. */
    public AdamW {
        AdamMoments.check("AdamW", learningRate, beta1, beta2, epsilon, weightDecay);
    }

    /** The rule with PyTorch's defaults. */
    public static AdamW defaults() {
        return new AdamW(1e-3, 0.9, 0.999, 1e-8, 1e-2, false, false);
    }

    /** The rule with PyTorch's defaults and this learning rate. */
    public static AdamW withLearningRate(double learningRate) {
        return defaults().atLearningRate(learningRate);
    }

    @Override
    public AdamW atLearningRate(double value) {
        return new AdamW(value, beta1, beta2, epsilon, weightDecay, amsgrad, maximize);
    }

    /** This rule with other decays of its averages. */
    public AdamW withBetas(double first, double second) {
        return new AdamW(learningRate, first, second, epsilon, weightDecay, amsgrad, maximize);
    }

    /** This rule with another epsilon. */
    public AdamW withEpsilon(double value) {
        return new AdamW(learningRate, beta1, beta2, value, weightDecay, amsgrad, maximize);
    }

    /** This rule with another weight decay. */
    public AdamW withWeightDecay(double value) {
        return new AdamW(learningRate, beta1, beta2, epsilon, value, amsgrad, maximize);
    }

    /** This rule with or without AMSGrad. */
    public AdamW withAmsgrad(boolean value) {
        return new AdamW(learningRate, beta1, beta2, epsilon, weightDecay, value, maximize);
    }

    /** This rule climbing or descending. */
    public AdamW withMaximize(boolean value) {
        return new AdamW(learningRate, beta1, beta2, epsilon, weightDecay, amsgrad, value);
    }

    @Override
    public String name() {
        return "adamw";
    }

    @Override
    public String kernel() {
        return amsgrad ? "adamw_amsgrad" : "adamw";
    }

    @Override
    public List<Slot> slots() {
        return AdamMoments.slots(amsgrad);
    }

    @Override
    public ElementUpdate prepare(int phase, Preparation preparation) {
        var moments =
                AdamMoments.prepare(preparation, learningRate, beta1, beta2, epsilon, amsgrad);
        return new Scalars((float) (preparation.rate(learningRate) * weightDecay), moments);
    }

    private record Scalars(float decay, AdamMoments moments) implements ElementUpdate {

        @Override
        public void update(Element element) {
            float p = element.parameter();
            float step = moments.step(element, element.gradient());
            element.parameter(p - (decay * p + step));
        }
    }
}
