package org.panoptim.rule;

import java.util.List;
import java.util.OptionalDouble;

/**
 * Signum: the sign of the gradient's average, with decoupled weight decay (Bernstein et al., 2018).
 * Without momentum it is signSGD.
 *
 * <p>Source: kozistr/pytorch_optimizer, {@code optimizer/sgd.py}, {@code SignSGD}, as the paper has
 * it: m ← μ·m + (1−μ)·g, and then p ← p − η·(sign(m) + λ·p). The sign of zero is zero and the sign
 * of NaN is NaN. Other programs add the gradient to the momentum whole, or the decay to the
 * gradient, where it counts among what decides on the sign.
 *
 * @param learningRate η, at least 0; 1e-3 by default
 * @param momentum μ, decay of the gradient's average, in [0, 1); 0.9 by default
 * @param weightDecay λ, at least 0; 0 by default
 */
public record Signum(double learningRate, double momentum, double weightDecay)
        implements UpdateRule {

    private static final int MOMENTUM_BUFFER = 0;

    private static final RuleDescriptor<Signum> DESCRIPTOR =
            RuleDescriptor.of(
                            Signum.class,
                            "kozistr/pytorch_optimizer, sgd.py (SignSGD); Bernstein et al., 2018")
                    .learningRate(1e-3, Signum::learningRate)
                    .decay("momentum", 0.9, Signum::momentum)
                    .weightDecay(0, Signum::weightDecay)
                    .build(v -> new Signum(v.number(), v.number(), v.number()));

    /** Checks the hyper-parameters. */
    public Signum {
        DESCRIPTOR.check(learningRate, momentum, weightDecay);
    }

    /** The rule with its source's defaults. */
    public static Signum defaults() {
        return DESCRIPTOR.defaults();
    }

    /** The rule with its source's defaults and this learning rate. */
    public static Signum withLearningRate(double learningRate) {
        return defaults().atLearningRate(learningRate);
    }

    @Override
    public Signum atLearningRate(double value) {
        return DESCRIPTOR.with(this, "lr", value);
    }

    @Override
    public RuleDescriptor<Signum> descriptor() {
        return DESCRIPTOR;
    }

    @Override
    public OptionalDouble decoupledDecay() {
        return OptionalDouble.of(weightDecay);
    }

    @Override
    public String name() {
        return "signum";
    }

    @Override
    public List<Slot> slots() {
        return List.of(new Slot("momentum_buffer"));
    }

    @Override
    public ElementUpdate prepare(int phase, Preparation preparation) {
        double rate = preparation.rate(learningRate);
        double decay = preparation.momentum(momentum);
        return new Scalars(
                (float) rate, (float) (rate * weightDecay), (float) decay, (float) (1 - decay));
    }

    private record Scalars(float rate, float decay, float momentum, float oneMinusMomentum)
            implements ElementUpdate {

        @Override
        public void update(Element element) {
            float p = element.parameter();
            // Not by lerp: without momentum the sign must be the gradient's own.
            float m =
                    momentum * element.state(MOMENTUM_BUFFER)
                            + oneMinusMomentum * element.gradient();
            element.state(MOMENTUM_BUFFER, m);
            element.parameter(p - (decay * p + rate * Arithmetic.sign(m)));
        }
    }
}
