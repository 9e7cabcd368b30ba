package org.panoptim.rule;

import java.util.List;
import java.util.OptionalDouble;

/**
 * Yogi: Adam whose second moment moves by as much as a share of the squared gradient, up or down,
 * so that it falls slowly after large gradients (Zaheer et al., 2018).
 *
 * <p>Source: optax, {@code scale_by_yogi} of {@code optax/_src/transform.py}. Both moments, not the
 * second alone, begin at the same small number, and both are corrected for a beginning at zero. The
 * paper corrects no bias, and begins the second moment with the square of a first gradient. Optax
 * can add a number under the root as well, 0 by default, which is left out here.
 *
 * <p>A gradient whose square overflows makes the second moment infinite, where steps are zero; the
 * next such gradient makes it NaN, and the parameter with it, in optax as here.
 *
 * @param learningRate η, at least 0; 1e-2 by default
 * @param beta1 decay of the gradient's average, in [0, 1); 0.9 by default
 * @param beta2 1 less the share of the squared gradient, in [0, 1); 0.999 by default
 * @param epsilon added to the root of the second moment, at least 0; 1e-3 by default
 * @param initialAccumulatorValue what both moments begin as, above 0; 1e-6 by default
 */
public record Yogi(
        double learningRate,
        double beta1,
        double beta2,
        double epsilon,
        double initialAccumulatorValue)
        implements UpdateRule {

    private static final int MU = 0;
    private static final int NU = 1;

    private static final RuleDescriptor<Yogi> DESCRIPTOR =
            RuleDescriptor.of(Yogi.class, "optax, yogi; Zaheer et al., 2018")
                    .learningRate(1e-2, Yogi::learningRate)
                    .correctedDecay("beta1", 0.9, Yogi::beta1)
                    .correctedDecay("beta2", 0.999, Yogi::beta2)
                    .epsilon(1e-3, Yogi::epsilon)
                    .number(
                            "initial_accumulator_value",
                            RuleSetting.Range.POSITIVE,
                            1e-6,
                            Yogi::initialAccumulatorValue)
                    .build(
                            v ->
                                    new Yogi(
                                            v.number(),
                                            v.number(),
                                            v.number(),
                                            v.number(),
                                            v.number()));

    /** Checks the hyper-parameters. */
    public Yogi {
        DESCRIPTOR.check(learningRate, beta1, beta2, epsilon, initialAccumulatorValue);
    }

    /** The rule with optax's defaults. */
    public static Yogi defaults() {
        return DESCRIPTOR.defaults();
    }

    /** The rule with optax's defaults and this learning rate. */
    public static Yogi withLearningRate(double learningRate) {
        return defaults().atLearningRate(learningRate);
    }

    @Override
    public Yogi atLearningRate(double value) {
        return DESCRIPTOR.with(this, "lr", value);
    }

    @Override
    public RuleDescriptor<Yogi> descriptor() {
        return DESCRIPTOR;
    }

    @Override
    public OptionalDouble decoupledDecay() {
        return OptionalDouble.of(0);
    }

    @Override
    public String name() {
        return "yogi";
    }

    @Override
    public List<Slot> slots() {
        return List.of(
                new Slot("mu").startingAt(initialAccumulatorValue),
                new Slot("nu").startingAt(initialAccumulatorValue));
    }

    @Override
    public ElementUpdate prepare(int phase, Preparation preparation) {
        double decay1 = preparation.momentum(beta1);
        double correction1 = 1 - Arithmetic.power(decay1, preparation.count());
        double correction2 = 1 - Arithmetic.power(beta2, preparation.count());
        return new Scalars(
                (float) decay1,
                (float) (1 - decay1),
                (float) (1 - beta2),
                (float) (preparation.rate(learningRate) / correction1),
                (float) (1 / Math.sqrt(correction2)),
                (float) epsilon);
    }

    private record Scalars(
            float beta1,
            float oneMinusBeta1,
            float oneMinusBeta2,
            float stepSize,
            float inverseRootCorrection,
            float epsilon)
            implements ElementUpdate {

        @Override
        public void update(Element element) {
            float g = element.gradient();
            float square = g * g;
            float m = beta1 * element.state(MU) + oneMinusBeta1 * g;
            float v = element.state(NU);
            v = v - oneMinusBeta2 * (Arithmetic.sign(v - square) * square);
            element.state(MU, m);
            element.state(NU, v);
            float root = Arithmetic.sqrt(v) * inverseRootCorrection + epsilon;
            element.parameter(element.parameter() - stepSize * (m / root));
        }
    }
}
