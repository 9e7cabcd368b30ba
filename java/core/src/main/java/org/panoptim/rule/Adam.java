package org.panoptim.rule;

import java.util.List;
import java.util.OptionalDouble;

/**
 * Adam (Kingma and Ba, 2015), with AMSGrad (Reddi, Kale and Kumar, 2018) as an option.
 *
 * <p>Source: PyTorch, {@code torch.optim.Adam}. Weight decay is coupled: it is added to the
 * gradient.
 *
 * @param learningRate η, at least 0; 1e-3 by default
 * @param beta1 decay of the gradient's average, in [0, 1); 0.9 by default
 * @param beta2 decay of the squared gradient's average, in [0, 1); 0.999 by default
 * @param epsilon added to the root of the second moment, at least 0; 1e-8 by default
 * @param weightDecay λ, at least 0; 0 by default
 * @param amsgrad whether the largest second moment so far divides, not the present one
 * @param maximize whether to climb
 */
public record Adam(
        double learningRate,
        double beta1,
        double beta2,
        double epsilon,
        double weightDecay,
        boolean amsgrad,
        boolean maximize)
        implements UpdateRule {

    private static final RuleDescriptor<Adam> DESCRIPTOR =
            RuleDescriptor.of(Adam.class, "PyTorch, torch.optim.Adam")
                    .learningRate(1e-3, Adam::learningRate)
                    .correctedDecay("beta1", 0.9, Adam::beta1)
                    .correctedDecay("beta2", 0.999, Adam::beta2)
                    .epsilon(1e-8, Adam::epsilon)
                    .weightDecay(0, Adam::weightDecay)
                    .flag("amsgrad", Adam::amsgrad)
                    .flag("maximize", Adam::maximize)
                    .build(
                            v ->
                                    new Adam(
                                            v.number(),
                                            v.number(),
                                            v.number(),
                                            v.number(),
                                            v.number(),
                                            v.flag(),
                                            v.flag()));

    /** Checks the hyper-parameters. */
    public Adam {
        DESCRIPTOR.check(learningRate, beta1, beta2, epsilon, weightDecay, amsgrad, maximize);
    }

    /** The rule with PyTorch's defaults. */
    public static Adam defaults() {
        return DESCRIPTOR.defaults();
    }

    /** The rule with PyTorch's defaults and this learning rate. */
    public static Adam withLearningRate(double learningRate) {
        return defaults().atLearningRate(learningRate);
    }

    @Override
    public Adam atLearningRate(double value) {
        return DESCRIPTOR.with(this, "lr", value);
    }

    /** This rule with other decays of its averages. */
    public Adam withBetas(double first, double second) {
        return new Adam(learningRate, first, second, epsilon, weightDecay, amsgrad, maximize);
    }

    /** This rule with another epsilon. */
    public Adam withEpsilon(double value) {
        return new Adam(learningRate, beta1, beta2, value, weightDecay, amsgrad, maximize);
    }

    /** This rule with another weight decay. */
    public Adam withWeightDecay(double value) {
        return new Adam(learningRate, beta1, beta2, epsilon, value, amsgrad, maximize);
    }

    /** This rule with or without AMSGrad. */
    public Adam withAmsgrad(boolean value) {
        return new Adam(learningRate, beta1, beta2, epsilon, weightDecay, value, maximize);
    }

    /** This rule climbing or descending. */
    public Adam withMaximize(boolean value) {
        return new Adam(learningRate, beta1, beta2, epsilon, weightDecay, amsgrad, value);
    }

    @Override
    public RuleDescriptor<Adam> descriptor() {
        return DESCRIPTOR;
    }

    @Override
    public OptionalDouble decoupledDecay() {
        return weightDecay == 0 ? OptionalDouble.of(0) : OptionalDouble.empty();
    }

    @Override
    public String name() {
        return "adam";
    }

    @Override
    public String kernelName() {
        return amsgrad ? "adam_amsgrad" : "adam";
    }

    @Override
    public List<Slot> slots() {
        return AdamMoments.slots(amsgrad);
    }

    @Override
    public ElementUpdate prepare(int phase, Preparation preparation) {
        var moments =
                AdamMoments.prepare(preparation, learningRate, beta1, beta2, epsilon, amsgrad);
        return new Scalars((float) weightDecay, moments);
    }

    private record Scalars(float weightDecay, AdamMoments moments) implements ElementUpdate {

        @Override
        public void update(Element element) {
            float p = element.parameter();
            float g = element.gradient() + weightDecay * p;
            element.parameter(p - moments.step(element, g));
        }
    }
}
