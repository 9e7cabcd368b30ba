package org.panoptim.rule;

import java.util.List;
import java.util.OptionalDouble;

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
        double learningRate,
        double beta1,
        double beta2,
        double epsilon,
        double weightDecay,
        boolean amsgrad,
        boolean maximize)
        implements UpdateRule {

    private static final RuleDescriptor<AdamW> DESCRIPTOR =
            RuleDescriptor.of(AdamW.class, "PyTorch, torch.optim.AdamW")
                    .learningRate(1e-3, AdamW::learningRate)
                    .correctedDecay("beta1", 0.9, AdamW::beta1)
                    .correctedDecay("beta2", 0.999, AdamW::beta2)
                    .epsilon(1e-8, AdamW::epsilon)
                    .weightDecay(1e-2, AdamW::weightDecay)
                    .flag("amsgrad", AdamW::amsgrad)
                    .flag("maximize", AdamW::maximize)
                    .build(
                            v ->
                                    new AdamW(
                                            v.number(),
                                            v.number(),
                                            v.number(),
                                            v.number(),
                                            v.number(),
                                            v.flag(),
                                            v.flag()));

    /** Checks the hyper-parameters. */
    public AdamW {
        DESCRIPTOR.check(learningRate, beta1, beta2, epsilon, weightDecay, amsgrad, maximize);
    }

    /** The rule with PyTorch's defaults. */
    public static AdamW defaults() {
        return DESCRIPTOR.defaults();
    }

    /** The rule with PyTorch's defaults and this learning rate. */
    public static AdamW withLearningRate(double learningRate) {
        return defaults().atLearningRate(learningRate);
    }

    @Override
    public AdamW atLearningRate(double value) {
        return DESCRIPTOR.with(this, "lr", value);
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
    public RuleDescriptor<AdamW> descriptor() {
        return DESCRIPTOR;
    }

    @Override
    public OptionalDouble decoupledDecay() {
        return OptionalDouble.of(weightDecay);
    }

    @Override
    public String name() {
        return "adamw";
    }

    @Override
    public String kernelName() {
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
