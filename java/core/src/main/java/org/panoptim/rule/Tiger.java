package org.panoptim.rule;

import java.util.List;

/**
 * Tiger, a tight-fisted optimizer: the sign of the gradient's average and decoupled weight decay,
 * both scaled for each parameter to the root mean square of its elements (Su, 2023).
 *
 * <p>Source: bojone/tiger, {@code tiger.py}: m ← β·m + (1−β)·g, and then p ← p − η·RMS(p)·(sign(m)
 * + λ·p). The sign of zero is zero and the sign of NaN is NaN.
 *
 * <p>A parameter of zeros stands still. By their names the source takes biases and the factors and
 * offsets of normalizations out of this, which here are a group under {@link Signum} with the same
 * decay of the average, half the learning rate and no weight decay; for embeddings it takes the
 * root mean square of each row. A gradient with a NaN it skips, and multiplies the parameter by
 * 0.99; here {@link org.panoptim.step.NonFinitePolicy} decides. Gradients are accumulated by the
 * caller. kozistr/pytorch_optimizer's Tiger does not scale at all.
 *
 * @param learningRate η, relative to the parameter's root mean square, at least 0; 1e-3 by default
 * @param beta β, decay of the gradient's average, in [0, 1); 0.965 by default
 * @param weightDecay λ, at least 0; 0.01 by default
 */
public record Tiger(double learningRate, double beta, double weightDecay) implements UpdateRule {

    private static final int M = 0;
    private static final int VALUE = 0;

    private static final RuleDescriptor<Tiger> DESCRIPTOR =
            RuleDescriptor.of(Tiger.class, "bojone/tiger, tiger.py; Su, 2023")
                    .learningRate(1e-3, Tiger::learningRate)
                    .decay("beta", 0.965, Tiger::beta)
                    .weightDecay(0.01, Tiger::weightDecay)
                    .build(v -> new Tiger(v.number(), v.number(), v.number()));

    /** Checks the hyper-parameters. */
    public Tiger {
        DESCRIPTOR.check(learningRate, beta, weightDecay);
    }

    /** The rule with its author's defaults. */
    public static Tiger defaults() {
        return DESCRIPTOR.defaults();
    }

    /** The rule with its author's defaults and this learning rate. */
    public static Tiger withLearningRate(double learningRate) {
        return defaults().atLearningRate(learningRate);
    }

    @Override
    public Tiger atLearningRate(double value) {
        return DESCRIPTOR.with(this, "lr", value);
    }

    @Override
    public RuleDescriptor<Tiger> descriptor() {
        return DESCRIPTOR;
    }

    @Override
    public String name() {
        return "tiger";
    }

    @Override
    public List<Slot> slots() {
        return List.of(new Slot("m"));
    }

    @Override
    public int phases() {
        return 2;
    }

    @Override
    public List<Reduction> reductions() {
        return List.of(new Reduction("value", Reduction.Scope.TENSOR));
    }

    @Override
    public ElementUpdate prepare(int phase, Preparation preparation) {
        if (phase == 0) {
            return element -> element.reduce(VALUE, element.parameter(), element.parameter());
        }
        double mean = preparation.reduction(VALUE) / preparation.shape().elements();
        double rate = preparation.rate(learningRate) * Math.sqrt(mean);
        double decay = preparation.momentum(beta);
        return new Scalars(
                (float) rate, (float) (rate * weightDecay), (float) decay, (float) (1 - decay));
    }

    private record Scalars(float rate, float decay, float beta, float oneMinusBeta)
            implements ElementUpdate {

        @Override
        public void update(Element element) {
            float p = element.parameter();
            float m = beta * element.state(M) + oneMinusBeta * element.gradient();
            element.state(M, m);
            element.parameter(p - (decay * p + rate * Arithmetic.sign(m)));
        }
    }
}
