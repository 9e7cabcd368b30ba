package org.panoptim.rule;

import java.util.List;
import java.util.OptionalDouble;

/**
 * Adamax: Adam with the largest of the gradients, which decays, in place of the root of their
 * average square (Kingma and Ba, 2015), with coupled weight decay.
 *
 * <p>Source: PyTorch, {@code torch.optim.Adamax}. Epsilon is added to each gradient's size before
 * the larger one is taken, and so is part of the state; Optax adds it to the denominator.
 *
 * @param learningRate η, at least 0; 2e-3 by default
 * @param beta1 decay of the gradient's average, in [0, 1); 0.9 by default
 * @param beta2 decay of the largest gradient, in [0, 1); 0.999 by default
 * @param epsilon added to the gradient's size, at least 0; 1e-8 by default
 * @param weightDecay λ, at least 0; 0 by default
 * @param maximize whether to climb
 */
public record Adamax(
        double learningRate,
        double beta1,
        double beta2,
        double epsilon,
        double weightDecay,
        boolean maximize)
        implements UpdateRule {

    private static final int EXP_AVG = 0;
    private static final int EXP_INF = 1;

    private static final RuleDescriptor<Adamax> DESCRIPTOR =
            RuleDescriptor.of(Adamax.class, "PyTorch, torch.optim.Adamax")
                    .learningRate(2e-3, Adamax::learningRate)
                    .correctedDecay("beta1", 0.9, Adamax::beta1)
                    .decay("beta2", 0.999, Adamax::beta2)
                    .epsilon(1e-8, Adamax::epsilon)
                    .weightDecay(0, Adamax::weightDecay)
                    .flag("maximize", Adamax::maximize)
                    .build(
                            v ->
                                    new Adamax(
                                            v.number(),
                                            v.number(),
                                            v.number(),
                                            v.number(),
                                            v.number(),
                                            v.flag()));

    /** Checks the hyper-parameters. */
    public Adamax {
        DESCRIPTOR.check(learningRate, beta1, beta2, epsilon, weightDecay, maximize);
    }

    /** The rule with PyTorch's defaults. */
    public static Adamax defaults() {
        return DESCRIPTOR.defaults();
    }

    /** The rule with PyTorch's defaults and this learning rate. */
    public static Adamax withLearningRate(double learningRate) {
        return defaults().atLearningRate(learningRate);
    }

    @Override
    public Adamax atLearningRate(double value) {
        return DESCRIPTOR.with(this, "lr", value);
    }

    @Override
    public RuleDescriptor<Adamax> descriptor() {
        return DESCRIPTOR;
    }

    @Override
    public OptionalDouble decoupledDecay() {
        return weightDecay == 0 ? OptionalDouble.of(0) : OptionalDouble.empty();
    }

    @Override
    public String name() {
        return "adamax";
    }

    @Override
    public List<Slot> slots() {
        return List.of(new Slot("exp_avg"), new Slot("exp_inf"));
    }

    @Override
    public ElementUpdate prepare(int phase, Preparation preparation) {
        double decay1 = preparation.momentum(beta1);
        double correction = 1 - Arithmetic.power(decay1, preparation.count());
        return new Scalars(
                (float) (preparation.rate(learningRate) / correction),
                (float) (1 - decay1),
                (float) beta2,
                (float) epsilon,
                (float) weightDecay);
    }

    private record Scalars(
            float stepSize, float oneMinusBeta1, float beta2, float epsilon, float weightDecay)
            implements ElementUpdate {

        @Override
        public void update(Element element) {
            float p = element.parameter();
            float g = element.gradient() + weightDecay * p;
            float m = element.state(EXP_AVG);
            m = m + oneMinusBeta1 * (g - m);
            float u = Arithmetic.max(beta2 * element.state(EXP_INF), Arithmetic.abs(g) + epsilon);
            element.state(EXP_AVG, m);
            element.state(EXP_INF, u);
            element.parameter(p - stepSize * (m / u));
        }
    }
}
