package org.panoptim.rule;

import java.util.List;
import java.util.OptionalDouble;

/**
 * Adadelta (Zeiler, 2012), with coupled weight decay.
 *
 * <p>Source: PyTorch, {@code torch.optim.Adadelta}.
 *
 * @param learningRate η, which scales the update, at least 0; 1 by default
 * @param rho decay of the averages of squared gradients and squared updates, in [0, 1); 0.9 by
 *     default
 * @param epsilon added under both roots, at least 0; 1e-6 by default
 * @param weightDecay λ, at least 0; 0 by default
 * @param maximize whether to climb
 */
public record Adadelta(
        double learningRate, double rho, double epsilon, double weightDecay, boolean maximize)
        implements UpdateRule {

    private static final int SQUARE_AVG = 0;
    private static final int ACC_DELTA = 1;

    private static final RuleDescriptor<Adadelta> DESCRIPTOR =
            RuleDescriptor.of(Adadelta.class, "PyTorch, torch.optim.Adadelta")
                    .learningRate(1, Adadelta::learningRate)
                    .decay("rho", 0.9, Adadelta::rho)
                    .epsilon(1e-6, Adadelta::epsilon)
                    .weightDecay(0, Adadelta::weightDecay)
                    .flag("maximize", Adadelta::maximize)
                    .build(
                            v ->
                                    new Adadelta(
                                            v.number(),
                                            v.number(),
                                            v.number(),
                                            v.number(),
                                            v.flag()));

    /** Checks the hyper-parameters. */
    public Adadelta {
        DESCRIPTOR.check(learningRate, rho, epsilon, weightDecay, maximize);
    }

    /** The rule with PyTorch's defaults. */
    public static Adadelta defaults() {
        return DESCRIPTOR.defaults();
    }

    /** The rule with PyTorch's defaults and this learning rate. */
    public static Adadelta withLearningRate(double learningRate) {
        return defaults().atLearningRate(learningRate);
    }

    @Override
    public Adadelta atLearningRate(double value) {
        return DESCRIPTOR.with(this, "lr", value);
    }

    @Override
    public RuleDescriptor<Adadelta> descriptor() {
        return DESCRIPTOR;
    }

    @Override
    public OptionalDouble decoupledDecay() {
        return weightDecay == 0 ? OptionalDouble.of(0) : OptionalDouble.empty();
    }

    @Override
    public String name() {
        return "adadelta";
    }

    @Override
    public boolean takesMomentum() {
        return false;
    }

    @Override
    public List<Slot> slots() {
        return List.of(new Slot("square_avg"), new Slot("acc_delta"));
    }

    @Override
    public ElementUpdate prepare(int phase, Preparation preparation) {
        return new Scalars(
                (float) preparation.rate(learningRate),
                (float) rho,
                (float) (1 - rho),
                (float) epsilon,
                (float) weightDecay);
    }

    private record Scalars(
            float rate, float rho, float oneMinusRho, float epsilon, float weightDecay)
            implements ElementUpdate {

        @Override
        public void update(Element element) {
            float p = element.parameter();
            float g = element.gradient() + weightDecay * p;
            float v = rho * element.state(SQUARE_AVG) + oneMinusRho * (g * g);
            float u = element.state(ACC_DELTA);
            float delta = Arithmetic.sqrt(u + epsilon) / Arithmetic.sqrt(v + epsilon) * g;
            element.state(SQUARE_AVG, v);
            element.state(ACC_DELTA, rho * u + oneMinusRho * (delta * delta));
            element.parameter(p - rate * delta);
        }
    }
}
