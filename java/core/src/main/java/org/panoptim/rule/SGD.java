package org.panoptim.rule;

import java.util.List;
import java.util.OptionalDouble;

/**
 * Stochastic gradient descent, with momentum, dampening and Nesterov's acceleration.
 *
 * <p>Source: PyTorch, {@code torch.optim.SGD}. Weight decay is coupled: it is added to the
 * gradient.
 *
 * @param learningRate η, at least 0; 1e-3 by default
 * @param momentum μ in [0, 1); 0, the default, keeps no state
 * @param dampening how much less of the gradient enters the momentum buffer; 0 by default
 * @param weightDecay λ, at least 0; 0 by default
 * @param nesterov whether the step looks ahead; needs momentum and no dampening
 * @param maximize whether to climb
 */
public record SGD(
        double learningRate,
        double momentum,
        double dampening,
        double weightDecay,
        boolean nesterov,
        boolean maximize)
        implements UpdateRule {

    private static final int MOMENTUM_BUFFER = 0;

    private static final RuleDescriptor<SGD> DESCRIPTOR =
            RuleDescriptor.of(SGD.class, "PyTorch, torch.optim.SGD")
                    .learningRate(1e-3, SGD::learningRate)
                    .decay("momentum", 0, SGD::momentum)
                    .number("dampening", RuleSetting.Range.FINITE, 0, SGD::dampening)
                    .weightDecay(0, SGD::weightDecay)
                    .flag("nesterov", SGD::nesterov)
                    .flag("maximize", SGD::maximize)
                    .build(
                            v ->
                                    new SGD(
                                            v.number(),
                                            v.number(),
                                            v.number(),
                                            v.number(),
                                            v.flag(),
                                            v.flag()));

    /** Checks the hyper-parameters. */
    public SGD {
        DESCRIPTOR.check(learningRate, momentum, dampening, weightDecay, nesterov, maximize);
        if (nesterov && (momentum == 0 || dampening != 0)) {
            throw new IllegalArgumentException(
                    "SGD: nesterov needs momentum above 0 and dampening 0, but they are "
                            + momentum
                            + " and "
                            + dampening);
        }
    }

    /** The rule with PyTorch's defaults. */
    public static SGD defaults() {
        return DESCRIPTOR.defaults();
    }

    /** The rule with PyTorch's defaults and this learning rate. */
    public static SGD withLearningRate(double learningRate) {
        return defaults().atLearningRate(learningRate);
    }

    @Override
    public SGD atLearningRate(double value) {
        return DESCRIPTOR.with(this, "lr", value);
    }

    /** This rule with another momentum. */
    public SGD withMomentum(double value) {
        return new SGD(learningRate, value, dampening, weightDecay, nesterov, maximize);
    }

    /** This rule with another dampening. */
    public SGD withDampening(double value) {
        return new SGD(learningRate, momentum, value, weightDecay, nesterov, maximize);
    }

    /** This rule with another weight decay. */
    public SGD withWeightDecay(double value) {
        return new SGD(learningRate, momentum, dampening, value, nesterov, maximize);
    }

    /** This rule with or without Nesterov's acceleration. */
    public SGD withNesterov(boolean value) {
        return new SGD(learningRate, momentum, dampening, weightDecay, value, maximize);
    }

    /** This rule climbing or descending. */
    public SGD withMaximize(boolean value) {
        return new SGD(learningRate, momentum, dampening, weightDecay, nesterov, value);
    }

    @Override
    public RuleDescriptor<SGD> descriptor() {
        return DESCRIPTOR;
    }

    @Override
    public OptionalDouble decoupledDecay() {
        return weightDecay == 0 ? OptionalDouble.of(0) : OptionalDouble.empty();
    }

    @Override
    public String name() {
        return "sgd";
    }

    @Override
    public boolean takesMomentum() {
        return momentum > 0;
    }

    @Override
    public String kernelName() {
        return momentum == 0 ? "sgd" : "sgd_momentum";
    }

    @Override
    public List<Slot> slots() {
        return momentum == 0 ? List.of() : List.of(new Slot("momentum_buffer"));
    }

    @Override
    public ElementUpdate prepare(int phase, Preparation preparation) {
        var scalars =
                new Scalars(
                        (float) preparation.rate(learningRate),
                        (float) preparation.momentum(momentum),
                        (float) (1 - dampening),
                        (float) weightDecay,
                        preparation.count() == 1,
                        nesterov);
        return momentum == 0 ? scalars::updatePlain : scalars::updateWithMomentum;
    }

    /** What one step needs. */
    record Scalars(
            float rate,
            float momentum,
            float keep,
            float weightDecay,
            boolean first,
            boolean nesterov) {

        void updatePlain(Element element) {
            float p = element.parameter();
            float g = element.gradient() + weightDecay * p;
            element.parameter(p - rate * g);
        }

        void updateWithMomentum(Element element) {
            float p = element.parameter();
            float g = element.gradient() + weightDecay * p;
            float b = first ? g : momentum * element.state(MOMENTUM_BUFFER) + keep * g;
            float u = nesterov ? g + momentum * b : b;
            element.state(MOMENTUM_BUFFER, b);
            element.parameter(p - rate * u);
        }
    }
}
