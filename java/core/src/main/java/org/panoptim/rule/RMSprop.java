package org.panoptim.rule;

import java.util.ArrayList;
import java.util.List;
import java.util.OptionalDouble;

/**
 * RMSprop (Hinton, 2012): the gradient over the root of its average square, or, centered, over its
 * standard deviation (Graves, 2013); with momentum, and with coupled weight decay.
 *
 * <p>Source: PyTorch, {@code torch.optim.RMSprop}. Epsilon is added to the root, where TensorFlow
 * and Optax add it under the root. The average square less the square of the average is never below
 * 0 but for rounding: there 0 stands in, where PyTorch has the root of a negative number, NaN.
 *
 * @param learningRate η, at least 0; 1e-2 by default
 * @param alpha decay of the averages, in [0, 1); 0.99 by default
 * @param epsilon added to the root, at least 0; 1e-8 by default
 * @param weightDecay λ, at least 0; 0 by default
 * @param momentum μ in [0, 1); 0, the default, keeps no state
 * @param centered whether the root is of the variance, not of the average square
 * @param maximize whether to climb
 */
public record RMSprop(
        double learningRate,
        double alpha,
        double epsilon,
        double weightDecay,
        double momentum,
        boolean centered,
        boolean maximize)
        implements UpdateRule {

    private static final int SQUARE_AVG = 0;
    private static final int GRAD_AVG = 1;

    private static final RuleDescriptor<RMSprop> DESCRIPTOR =
            RuleDescriptor.of(RMSprop.class, "PyTorch, torch.optim.RMSprop")
                    .learningRate(1e-2, RMSprop::learningRate)
                    .decay("alpha", 0.99, RMSprop::alpha)
                    .epsilon(1e-8, RMSprop::epsilon)
                    .weightDecay(0, RMSprop::weightDecay)
                    .decay("momentum", 0, RMSprop::momentum)
                    .flag("centered", RMSprop::centered)
                    .flag("maximize", RMSprop::maximize)
                    .build(
                            v ->
                                    new RMSprop(
                                            v.number(),
                                            v.number(),
                                            v.number(),
                                            v.number(),
                                            v.number(),
                                            v.flag(),
                                            v.flag()));

    /** Checks the hyper-parameters. */
    public RMSprop {
        DESCRIPTOR.check(learningRate, alpha, epsilon, weightDecay, momentum, centered, maximize);
    }

    /** The rule with PyTorch's defaults. */
    public static RMSprop defaults() {
        return DESCRIPTOR.defaults();
    }

    /** The rule with PyTorch's defaults and this learning rate. */
    public static RMSprop withLearningRate(double learningRate) {
        return defaults().atLearningRate(learningRate);
    }

    @Override
    public RMSprop atLearningRate(double value) {
        return DESCRIPTOR.with(this, "lr", value);
    }

    @Override
    public RuleDescriptor<RMSprop> descriptor() {
        return DESCRIPTOR;
    }

    @Override
    public OptionalDouble decoupledDecay() {
        return weightDecay == 0 ? OptionalDouble.of(0) : OptionalDouble.empty();
    }

    @Override
    public String name() {
        return "rmsprop";
    }

    @Override
    public boolean takesMomentum() {
        return momentum > 0;
    }

    @Override
    public String kernelName() {
        return "rmsprop" + (centered ? "_centered" : "") + (momentum > 0 ? "_momentum" : "");
    }

    @Override
    public List<Slot> slots() {
        var slots = new ArrayList<Slot>();
        slots.add(new Slot("square_avg"));
        if (centered) {
            slots.add(new Slot("grad_avg"));
        }
        if (momentum > 0) {
            slots.add(new Slot("momentum_buffer"));
        }
        return List.copyOf(slots);
    }

    @Override
    public ElementUpdate prepare(int phase, Preparation preparation) {
        var scalars =
                new Scalars(
                        (float) preparation.rate(learningRate),
                        (float) alpha,
                        (float) (1 - alpha),
                        (float) epsilon,
                        (float) weightDecay,
                        (float) preparation.momentum(momentum),
                        centered);
        return momentum > 0 ? scalars::updateWithMomentum : scalars::updatePlain;
    }

    private record Scalars(
            float rate,
            float alpha,
            float oneMinusAlpha,
            float epsilon,
            float weightDecay,
            float momentum,
            boolean centered) {

        void updatePlain(Element element) {
            float u = normalized(element);
            element.parameter(element.parameter() - rate * u);
        }

        void updateWithMomentum(Element element) {
            int buffer = centered ? 2 : 1;
            float u = normalized(element);
            float b = momentum * element.state(buffer) + u;
            element.state(buffer, b);
            element.parameter(element.parameter() - rate * b);
        }

        /** Folds the gradient into the averages, and divides it by the root. */
        private float normalized(Element element) {
            float g = element.gradient() + weightDecay * element.parameter();
            float s = alpha * element.state(SQUARE_AVG) + oneMinusAlpha * (g * g);
            element.state(SQUARE_AVG, s);
            if (!centered) {
                return g / (Arithmetic.sqrt(s) + epsilon);
            }
            float a = element.state(GRAD_AVG);
            a = a + oneMinusAlpha * (g - a);
            element.state(GRAD_AVG, a);
            return g / (Arithmetic.sqrt(Arithmetic.max(s - a * a, 0)) + epsilon);
        }
    }
}
