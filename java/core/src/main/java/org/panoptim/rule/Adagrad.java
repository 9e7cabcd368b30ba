package org.panoptim.rule;

import java.util.List;
import java.util.Optional;
import java.util.OptionalDouble;

/**
 * Adagrad (Duchi, Hazan and Singer, 2011), with coupled weight decay.
 *
 * <p>Source: PyTorch, {@code torch.optim.Adagrad}.
 *
 * @param learningRate η, at least 0; 1e-2 by default
 * @param lrDecay how the learning rate falls with the steps of a parameter: it is divided by 1 +
 *     (t−1)·lrDecay; at least 0; 0 by default
 * @param weightDecay λ, at least 0; 0 by default
 * @param initialAccumulatorValue what the sum of squares begins as, at least 0; 0 by default
 * @param epsilon added to the root of the sum, at least 0; 1e-10 by default
 * @param maximize whether to climb
 */
public record Adagrad(
        double learningRate,
        double lrDecay,
        double weightDecay,
        double initialAccumulatorValue,
        double epsilon,
        boolean maximize)
        implements UpdateRule {

    private static final int SUM = 0;

    private static final RuleDescriptor<Adagrad> DESCRIPTOR =
            RuleDescriptor.of(Adagrad.class, "PyTorch, torch.optim.Adagrad")
                    .learningRate(1e-2, Adagrad::learningRate)
                    .number("lr_decay", RuleSetting.Range.NON_NEGATIVE, 0, Adagrad::lrDecay)
                    .weightDecay(0, Adagrad::weightDecay)
                    .number(
                            "initial_accumulator_value",
                            RuleSetting.Range.NON_NEGATIVE,
                            0,
                            Adagrad::initialAccumulatorValue)
                    .epsilon(1e-10, Adagrad::epsilon)
                    .flag("maximize", Adagrad::maximize)
                    .build(
                            v ->
                                    new Adagrad(
                                            v.number(),
                                            v.number(),
                                            v.number(),
                                            v.number(),
                                            v.number(),
                                            v.flag()));

    /** Checks the hyper-parameters. */
    public Adagrad {
        DESCRIPTOR.check(
                learningRate, lrDecay, weightDecay, initialAccumulatorValue, epsilon, maximize);
    }

    /** The rule with PyTorch's defaults. */
    public static Adagrad defaults() {
        return DESCRIPTOR.defaults();
    }

    /** The rule with PyTorch's defaults and this learning rate. */
    public static Adagrad withLearningRate(double learningRate) {
        return defaults().atLearningRate(learningRate);
    }

    @Override
    public Adagrad atLearningRate(double value) {
        return DESCRIPTOR.with(this, "lr", value);
    }

    @Override
    public RuleDescriptor<Adagrad> descriptor() {
        return DESCRIPTOR;
    }

    @Override
    public OptionalDouble decoupledDecay() {
        return weightDecay == 0 ? OptionalDouble.of(0) : OptionalDouble.empty();
    }

    @Override
    public String name() {
        return "adagrad";
    }

    @Override
    public boolean takesMomentum() {
        return false;
    }

    @Override
    public List<Slot> slots() {
        return List.of(new Slot("sum").startingAt(initialAccumulatorValue));
    }

    @Override
    public Optional<String> explain(String setting, Preparation next) {
        if (!setting.equals("lr_decay") || lrDecay == 0) {
            return Optional.empty();
        }
        double divisor = 1 + (next.count() - 1) * lrDecay;
        return Optional.of(
                Sentence.of(
                        "The learning rate is divided by 1 + %d · %s = %s, which leaves %s.",
                        next.count() - 1, lrDecay, divisor, next.rate(learningRate) / divisor));
    }

    @Override
    public ElementUpdate prepare(int phase, Preparation preparation) {
        double rate = preparation.rate(learningRate);
        return new Scalars(
                (float) (rate / (1 + (preparation.count() - 1) * lrDecay)),
                (float) weightDecay,
                (float) epsilon);
    }

    private record Scalars(float stepSize, float weightDecay, float epsilon)
            implements ElementUpdate {

        @Override
        public void update(Element element) {
            float p = element.parameter();
            float g = element.gradient() + weightDecay * p;
            float s = element.state(SUM) + g * g;
            element.state(SUM, s);
            element.parameter(p - stepSize * (g / (Arithmetic.sqrt(s) + epsilon)));
        }
    }
}
