package org.panoptim.rule;

import java.util.List;
import java.util.OptionalDouble;

/**
 * NovoGrad: momentum over gradients that are divided by their norm, of which each parameter keeps a
 * moving average of squares (Ginsburg et al., 2019).
 *
 * <p>Source: huggingface/pytorch-image-models, {@code timm/optim/nvnovograd.py}, after NVIDIA's
 * Jasper. With v the average of ‖g‖², one number for the parameter, m ← β₁·m + (g/(√v + ε) + λ·p),
 * and then p ← p − η·m; with averaging, what is added to m is multiplied by 1 − β₁. Where v is 0,
 * at first or after nothing but zeros, it becomes ‖g‖² whole, and nothing else is corrected for its
 * beginning. timm's program sums in the gradients' type, where squares overflow from 2⁶⁴ on; here
 * sums and average are double. Its AMSGrad is not here.
 *
 * @param learningRate η, at least 0; 1e-3 by default
 * @param beta1 β₁, decay of the momentum, in [0, 1); 0.95 by default
 * @param beta2 decay of the squared norm's average, in [0, 1); 0.98 by default
 * @param epsilon ε, added to the root of the average, at least 0; 1e-8 by default
 * @param weightDecay λ, at least 0; added to the divided gradient; 0 by default
 * @param gradAveraging whether the momentum averages instead of adding up
 */
public record NovoGrad(
        double learningRate,
        double beta1,
        double beta2,
        double epsilon,
        double weightDecay,
        boolean gradAveraging)
        implements UpdateRule {

    private static final int EXP_AVG = 0;
    private static final int EXP_AVG_SQ = 1;
    private static final int GRADIENT = 0;

    private static final RuleDescriptor<NovoGrad> DESCRIPTOR =
            RuleDescriptor.of(NovoGrad.class, "timm, nvnovograd.py; Ginsburg et al., 2019")
                    .learningRate(1e-3, NovoGrad::learningRate)
                    .decay("beta1", 0.95, NovoGrad::beta1)
                    .decay("beta2", 0.98, NovoGrad::beta2)
                    .epsilon(1e-8, NovoGrad::epsilon)
                    .weightDecay(0, NovoGrad::weightDecay)
                    .flag("grad_averaging", NovoGrad::gradAveraging)
                    .build(
                            v ->
                                    new NovoGrad(
                                            v.number(),
                                            v.number(),
                                            v.number(),
                                            v.number(),
                                            v.number(),
                                            v.flag()));

    /** Checks the hyper-parameters. */
    public NovoGrad {
        DESCRIPTOR.check(learningRate, beta1, beta2, epsilon, weightDecay, gradAveraging);
    }

    /** The rule with timm's defaults. */
    public static NovoGrad defaults() {
        return DESCRIPTOR.defaults();
    }

    /** The rule with timm's defaults and this learning rate. */
    public static NovoGrad withLearningRate(double learningRate) {
        return defaults().atLearningRate(learningRate);
    }

    @Override
    public NovoGrad atLearningRate(double value) {
        return DESCRIPTOR.with(this, "lr", value);
    }

    @Override
    public RuleDescriptor<NovoGrad> descriptor() {
        return DESCRIPTOR;
    }

    @Override
    public OptionalDouble decoupledDecay() {
        return weightDecay == 0 ? OptionalDouble.of(0) : OptionalDouble.empty();
    }

    @Override
    public String name() {
        return "novograd";
    }

    @Override
    public List<Slot> slots() {
        return List.of(new Slot("exp_avg"), new Slot("exp_avg_sq", Slot.Extent.TENSOR));
    }

    @Override
    public int phases() {
        return 2;
    }

    @Override
    public List<Reduction> reductions() {
        return List.of(new Reduction("gradient", Reduction.Scope.TENSOR));
    }

    @Override
    public ElementUpdate prepare(int phase, Preparation preparation) {
        if (phase == 0) {
            return element -> element.reduce(GRADIENT, element.gradient(), element.gradient());
        }
        double decay1 = preparation.momentum(beta1);
        double squares = preparation.reduction(GRADIENT);
        double average = preparation.state(EXP_AVG_SQ);
        average = average == 0 ? squares : beta2 * average + (1 - beta2) * squares;
        preparation.state(EXP_AVG_SQ, average);
        return new Scalars(
                (float) preparation.rate(learningRate),
                (float) decay1,
                (float) (gradAveraging ? 1 - decay1 : 1),
                (float) (Math.sqrt(average) + epsilon),
                (float) weightDecay);
    }

    private record Scalars(
            float rate, float beta1, float weight, float denominator, float weightDecay)
            implements ElementUpdate {

        @Override
        public void update(Element element) {
            float p = element.parameter();
            float g = element.gradient() / denominator + weightDecay * p;
            float m = beta1 * element.state(EXP_AVG) + weight * g;
            element.state(EXP_AVG, m);
            element.parameter(p - rate * m);
        }
    }
}
