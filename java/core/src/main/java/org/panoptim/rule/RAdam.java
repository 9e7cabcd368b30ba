package org.panoptim.rule;

import java.util.List;
import java.util.Optional;
import java.util.OptionalDouble;

/**
 * RAdam: Adam that is scaled down while its second moment comes from few gradients, and left out
 * while it comes from very few (Liu et al., 2020). Weight decay is coupled, or decoupled if asked
 * for.
 *
 * <p>Source: PyTorch, {@code torch.optim.RAdam}, which divides by the second moment from a length
 * of more than 5 on; the authors' program does from 5 on, and decouples the decay.
 *
 * @param learningRate η, at least 0; 1e-3 by default
 * @param beta1 decay of the gradient's average, in [0, 1); 0.9 by default
 * @param beta2 decay of the squared gradient's average, in [0, 1); 0.999 by default
 * @param epsilon added to the root of the second moment, at least 0; 1e-8 by default
 * @param weightDecay λ, at least 0; 0 by default
 * @param decoupledWeightDecay whether the decay is AdamW's
 * @param maximize whether to climb
 */
public record RAdam(
        double learningRate,
        double beta1,
        double beta2,
        double epsilon,
        double weightDecay,
        boolean decoupledWeightDecay,
        boolean maximize)
        implements UpdateRule {

    private static final int EXP_AVG = 0;
    private static final int EXP_AVG_SQ = 1;

    private static final RuleDescriptor<RAdam> DESCRIPTOR =
            RuleDescriptor.of(RAdam.class, "PyTorch, torch.optim.RAdam")
                    .learningRate(1e-3, RAdam::learningRate)
                    .correctedDecay("beta1", 0.9, RAdam::beta1)
                    .correctedDecay("beta2", 0.999, RAdam::beta2)
                    .epsilon(1e-8, RAdam::epsilon)
                    .weightDecay(0, RAdam::weightDecay)
                    .flag("decoupled_weight_decay", RAdam::decoupledWeightDecay)
                    .flag("maximize", RAdam::maximize)
                    .build(
                            v ->
                                    new RAdam(
                                            v.number(),
                                            v.number(),
                                            v.number(),
                                            v.number(),
                                            v.number(),
                                            v.flag(),
                                            v.flag()));

    /** Checks the hyper-parameters. */
    public RAdam {
        DESCRIPTOR.check(
                learningRate, beta1, beta2, epsilon, weightDecay, decoupledWeightDecay, maximize);
    }

    /** The rule with PyTorch's defaults. */
    public static RAdam defaults() {
        return DESCRIPTOR.defaults();
    }

    /** The rule with PyTorch's defaults and this learning rate. */
    public static RAdam withLearningRate(double learningRate) {
        return defaults().atLearningRate(learningRate);
    }

    @Override
    public RAdam atLearningRate(double value) {
        return DESCRIPTOR.with(this, "lr", value);
    }

    @Override
    public RuleDescriptor<RAdam> descriptor() {
        return DESCRIPTOR;
    }

    @Override
    public OptionalDouble decoupledDecay() {
        return decoupledWeightDecay || weightDecay == 0
                ? OptionalDouble.of(weightDecay)
                : OptionalDouble.empty();
    }

    @Override
    public String name() {
        return "radam";
    }

    @Override
    public List<Slot> slots() {
        return List.of(new Slot("exp_avg"), new Slot("exp_avg_sq"));
    }

    @Override
    public Optional<String> explain(String setting, Preparation next) {
        return setting.equals("beta2") && !(length(next.count()) > 5)
                ? Optional.of(
                        "The average with beta2 is of too few gradients yet: the step is along the"
                                + " average with beta1, divided by nothing.")
                : Optional.empty();
    }

    @Override
    public ElementUpdate prepare(int phase, Preparation preparation) {
        double rate = preparation.rate(learningRate);
        double decay1 = preparation.momentum(beta1);
        long step = preparation.count();
        double correction2 = 1 - Arithmetic.power(beta2, step);
        double limit = longest();
        double length = length(step);
        boolean rectified = length > 5;
        double stepSize = rate / (1 - Arithmetic.power(decay1, step));
        if (rectified) {
            double above = (length - 4) * (length - 2) * limit;
            double below = (limit - 4) * (limit - 2) * length;
            stepSize = stepSize * Math.sqrt(correction2) * Math.sqrt(above / below);
        }
        return new Scalars(
                (float) (decoupledWeightDecay ? rate * weightDecay : 0),
                (float) (decoupledWeightDecay ? 0 : weightDecay),
                (float) (1 - decay1),
                (float) beta2,
                (float) (1 - beta2),
                (float) stepSize,
                (float) epsilon,
                rectified);
    }

    /** How many gradients the second moment is an average of, at most. */
    private double longest() {
        return 2 / (1 - beta2) - 1;
    }

    /** The same by now. */
    private double length(long step) {
        double power = Arithmetic.power(beta2, step);
        return longest() - 2.0 * step * power / (1 - power);
    }

    private record Scalars(
            float decay,
            float weightDecay,
            float oneMinusBeta1,
            float beta2,
            float oneMinusBeta2,
            float stepSize,
            float epsilon,
            boolean rectified)
            implements ElementUpdate {

        @Override
        public void update(Element element) {
            float p = element.parameter();
            float g = element.gradient() + weightDecay * p;
            float m = element.state(EXP_AVG);
            float v = element.state(EXP_AVG_SQ);
            m = m + oneMinusBeta1 * (g - m);
            v = beta2 * v + oneMinusBeta2 * (g * g);
            element.state(EXP_AVG, m);
            element.state(EXP_AVG_SQ, v);
            float u = rectified ? m / (Arithmetic.sqrt(v) + epsilon) : m;
            element.parameter(p - (decay * p + stepSize * u));
        }
    }
}
