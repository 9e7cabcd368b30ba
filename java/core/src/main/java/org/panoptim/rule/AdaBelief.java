package org.panoptim.rule;

import java.util.List;
import java.util.Optional;
import java.util.OptionalDouble;

/**
 * AdaBelief: Adam that divides by how far gradients are from their average (Zhuang et al., 2020),
 * with decoupled weight decay; rectified as RAdam is, unless that is switched off.
 *
 * <p>Source: juntang-zhuang/Adabelief-Optimizer, version 0.2.0 of its PyTorch program. Epsilon is
 * added to the state in every step, where it stays, and to the root as well. The second moment is
 * used from a length of 5 on, where PyTorch's RAdam wants more than 5; before that, the step is
 * that of SGD with momentum. The source's options {@code amsgrad} (which its rectified step does
 * not use), {@code fixed_decay}, {@code weight_decouple} and {@code degenerated_to_sgd} are as by
 * its defaults. Optax adds another epsilon to the state, and does not rectify.
 *
 * @param learningRate η, at least 0; 1e-3 by default
 * @param beta1 decay of the gradient's average, in [0, 1); 0.9 by default
 * @param beta2 decay of the average squared distance, in [0, 1); 0.999 by default
 * @param epsilon added to the state and to its root, at least 0; 1e-16 by default
 * @param weightDecay λ, at least 0; 0 by default
 * @param rectify whether steps are scaled down while the second moment comes from few gradients, as
 *     by default
 */
public record AdaBelief(
        double learningRate,
        double beta1,
        double beta2,
        double epsilon,
        double weightDecay,
        boolean rectify)
        implements UpdateRule {

    private static final int EXP_AVG = 0;
    private static final int EXP_AVG_VAR = 1;

    private static final RuleDescriptor<AdaBelief> DESCRIPTOR =
            RuleDescriptor.of(
                            AdaBelief.class,
                            "juntang-zhuang/Adabelief-Optimizer 0.2.0; Zhuang et al., 2020")
                    .learningRate(1e-3, AdaBelief::learningRate)
                    .correctedDecay("beta1", 0.9, AdaBelief::beta1)
                    .correctedDecay("beta2", 0.999, AdaBelief::beta2)
                    .epsilon(1e-16, AdaBelief::epsilon)
                    .weightDecay(0, AdaBelief::weightDecay)
                    .flag("rectify", true, AdaBelief::rectify)
                    .build(
                            v ->
                                    new AdaBelief(
                                            v.number(),
                                            v.number(),
                                            v.number(),
                                            v.number(),
                                            v.number(),
                                            v.flag()));

    /** Checks the hyper-parameters. */
    public AdaBelief {
        DESCRIPTOR.check(learningRate, beta1, beta2, epsilon, weightDecay, rectify);
    }

    /** The rule with its authors' defaults. */
    public static AdaBelief defaults() {
        return DESCRIPTOR.defaults();
    }

    /** The rule with its authors' defaults and this learning rate. */
    public static AdaBelief withLearningRate(double learningRate) {
        return defaults().atLearningRate(learningRate);
    }

    @Override
    public AdaBelief atLearningRate(double value) {
        return DESCRIPTOR.with(this, "lr", value);
    }

    @Override
    public RuleDescriptor<AdaBelief> descriptor() {
        return DESCRIPTOR;
    }

    @Override
    public OptionalDouble decoupledDecay() {
        return OptionalDouble.of(weightDecay);
    }

    @Override
    public String name() {
        return "adabelief";
    }

    @Override
    public List<Slot> slots() {
        return List.of(new Slot("exp_avg"), new Slot("exp_avg_var"));
    }

    @Override
    public Optional<String> explain(String setting, Preparation next) {
        return setting.equals("beta2") && rectify && !(length(next.count()) >= 5)
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
        double stepSize = rate / (1 - Arithmetic.power(decay1, step));
        if (rectify && length >= 5) {
            double above = (length - 4) * (length - 2) * limit;
            double below = (limit - 4) * (limit - 2) * length;
            stepSize = stepSize * Math.sqrt(correction2) * Math.sqrt(above / below);
        }
        return new Scalars(
                (float) (rate * weightDecay),
                (float) (1 - decay1),
                (float) beta2,
                (float) (1 - beta2),
                (float) stepSize,
                (float) (rectify ? 1 : 1 / Math.sqrt(correction2)),
                (float) epsilon,
                !rectify || length >= 5);
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
            float oneMinusBeta1,
            float beta2,
            float oneMinusBeta2,
            float stepSize,
            float inverseRootCorrection,
            float epsilon,
            boolean adaptive)
            implements ElementUpdate {

        @Override
        public void update(Element element) {
            float p = element.parameter();
            float g = element.gradient();
            float m = element.state(EXP_AVG);
            m = m + oneMinusBeta1 * (g - m);
            float distance = g - m;
            float v = beta2 * element.state(EXP_AVG_VAR) + oneMinusBeta2 * (distance * distance);
            v = v + epsilon;
            element.state(EXP_AVG, m);
            element.state(EXP_AVG_VAR, v);
            float d = Arithmetic.sqrt(v) * inverseRootCorrection + epsilon;
            float u = adaptive ? m / d : m;
            element.parameter(p - (decay * p + stepSize * u));
        }
    }
}
