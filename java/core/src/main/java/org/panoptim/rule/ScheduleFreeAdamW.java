package org.panoptim.rule;

import java.util.List;
import java.util.Optional;

/**
 * Schedule-Free AdamW: AdamW whose learning rate stays as it is, with an average of the points gone
 * through in place of momentum and schedule (Defazio et al., 2024).
 *
 * <p>Source: facebookresearch/schedule_free, {@code adamw_schedulefree.py}, without its inner
 * momentum. The parameter is where gradients are taken, y; the pass {@value #EVAL} makes it the
 * average x, which is what a model is evaluated and kept with, and {@value #TRAIN} makes it y
 * again. Between the two no step is taken, and no checkpoint written. As in the source, x is found
 * from y and z, and y from x again: the way there and back rounds. A parameter of a frozen group
 * stands still in both passes, as does one that has taken no step; z begins where the parameter is
 * at its first step.
 *
 * <p>Weight decay is taken at y, and is part of the direction. The second moment is corrected by
 * the number of the group's steps, as in the source. With β₁ = 0 y would be z, which does not tell
 * x, so that is refused, as is a β₁ that 1 cannot be divided by in float32; the source divides by 0
 * there. Earlier versions of the source put the correction into the learning rate, and so into the
 * weights of the average.
 *
 * @param learningRate η, at least 0; 2.5e-3 by default
 * @param beta1 β₁, the weight of x in y, in (0, 1); 0.9 by default
 * @param beta2 decay of the squared gradient's average, in [0, 1); 0.999 by default
 * @param epsilon added to the root of the second moment, at least 0; 1e-8 by default
 * @param weightDecay λ, at least 0; 0 by default
 * @param warmupSteps the steps in which the learning rate rises to η; 0 by default
 * @param r the power of a step's number in its weight in the average, at least 0; 0 by default
 * @param weightLrPower the power of the largest learning rate so far in that weight, at least 0; 2
 *     by default
 */
public record ScheduleFreeAdamW(
        double learningRate,
        double beta1,
        double beta2,
        double epsilon,
        double weightDecay,
        long warmupSteps,
        double r,
        double weightLrPower)
        implements UpdateRule {

    /** The pass that makes the parameters their average. */
    public static final String EVAL = ScheduleFree.EVAL;

    /** The pass that makes them where gradients are taken again. */
    public static final String TRAIN = ScheduleFree.TRAIN;

    private static final int EXP_AVG_SQ = 1;
    private static final ScheduleFree AVERAGE = new ScheduleFree(2);
    private static final List<Slot> SLOTS = ScheduleFree.slots("exp_avg_sq");

    private static final RuleDescriptor<ScheduleFreeAdamW> DESCRIPTOR =
            RuleDescriptor.of(
                            ScheduleFreeAdamW.class,
                            "facebookresearch/schedule_free, adamw_schedulefree.py; Defazio et"
                                    + " al., 2024")
                    .learningRate(2.5e-3, ScheduleFreeAdamW::learningRate)
                    .number("beta1", RuleSetting.Range.OPEN_FRACTION, 0.9, ScheduleFreeAdamW::beta1)
                    .decay("beta2", 0.999, ScheduleFreeAdamW::beta2)
                    .epsilon(1e-8, ScheduleFreeAdamW::epsilon)
                    .weightDecay(0, ScheduleFreeAdamW::weightDecay)
                    .count("warmup_steps", 0, ScheduleFreeAdamW::warmupSteps)
                    .number("r", RuleSetting.Range.NON_NEGATIVE, 0, ScheduleFreeAdamW::r)
                    .number(
                            "weight_lr_power",
                            RuleSetting.Range.NON_NEGATIVE,
                            2,
                            ScheduleFreeAdamW::weightLrPower)
                    .build(
                            v ->
                                    new ScheduleFreeAdamW(
                                            v.number(),
                                            v.number(),
                                            v.number(),
                                            v.number(),
                                            v.number(),
                                            v.count(),
                                            v.number(),
                                            v.number()));

    /** Checks the hyper-parameters. */
    public ScheduleFreeAdamW {
        DESCRIPTOR.check(
                learningRate, beta1, beta2, epsilon, weightDecay, warmupSteps, r, weightLrPower);
        DESCRIPTOR.check("1 / beta1", RuleSetting.Range.FINITE, 1 / beta1);
    }

    /** The rule with its authors' defaults. */
    public static ScheduleFreeAdamW defaults() {
        return DESCRIPTOR.defaults();
    }

    /** The rule with its authors' defaults and this learning rate. */
    public static ScheduleFreeAdamW withLearningRate(double learningRate) {
        return defaults().atLearningRate(learningRate);
    }

    @Override
    public ScheduleFreeAdamW atLearningRate(double value) {
        return DESCRIPTOR.with(this, "lr", value);
    }

    @Override
    public RuleDescriptor<ScheduleFreeAdamW> descriptor() {
        return DESCRIPTOR;
    }

    @Override
    public String name() {
        return "schedule-free-adamw";
    }

    /** The weight of the average must be one and the same, so no schedule replaces it. */
    @Override
    public boolean takesMomentum() {
        return false;
    }

    @Override
    public List<Slot> slots() {
        return SLOTS;
    }

    @Override
    public List<Pass> passes() {
        return ScheduleFree.passes();
    }

    @Override
    public void settle(int phase, Preparation preparation) {
        if (phase == 0) {
            AVERAGE.settle(preparation, learningRate, warmupSteps, r, weightLrPower);
        }
    }

    @Override
    public Optional<String> explain(String setting, Preparation next) {
        return setting.equals("warmup_steps")
                ? AVERAGE.explainWarmup(next, next.rate(learningRate), warmupSteps)
                : Optional.empty();
    }

    @Override
    public ElementUpdate prepare(int phase, Preparation preparation) {
        if (phase != 0) {
            return ScheduleFree.pass(phase, preparation, beta1);
        }
        double correction = 1 - Arithmetic.power(beta2, AVERAGE.steps(preparation));
        return new Scalars(
                (float) beta2,
                (float) (1 - beta2),
                (float) (1 / Math.sqrt(correction)),
                (float) epsilon,
                AVERAGE.move(preparation, beta1, weightDecay));
    }

    private record Scalars(
            float beta2,
            float oneMinusBeta2,
            float inverseRootCorrection,
            float epsilon,
            ScheduleFree.Move move)
            implements ElementUpdate {

        @Override
        public void update(Element element) {
            float g = element.gradient();
            float v = beta2 * element.state(EXP_AVG_SQ) + oneMinusBeta2 * (g * g);
            element.state(EXP_AVG_SQ, v);
            move.along(element, g / (Arithmetic.sqrt(v) * inverseRootCorrection + epsilon));
        }
    }
}
