package org.panoptim.rule;

import java.util.List;
import java.util.Optional;

/**
 * Schedule-Free SGD: gradient descent whose learning rate stays as it is, with an average of the
 * points gone through in place of momentum and schedule (Defazio et al., 2024).
 *
 * <p>Source: facebookresearch/schedule_free, {@code sgd_schedulefree.py}. The parameter is where
 * gradients are taken, y; the pass {@value #EVAL} makes it the average x, which is what a model is
 * evaluated and kept with, and {@value #TRAIN} makes it y again. Between the two no step is taken,
 * and no checkpoint written. As in the source, x is found from y and z, and y from x again: the way
 * there and back rounds. A parameter of a frozen group stands still in both passes, as does one
 * that has taken no step; z begins where the parameter is at its first step.
 *
 * <p>Weight decay is coupled, and taken at y. With β = 0 y would be z, which does not tell x, so
 * that is refused, as in the source; so is a β that 1 cannot be divided by in float32.
 *
 * @param learningRate η, at least 0; 1 by default
 * @param momentum β, the weight of x in y, in (0, 1); 0.9 by default
 * @param weightDecay λ, at least 0; 0 by default
 * @param warmupSteps the steps in which the learning rate rises to η; 0 by default
 * @param r the power of a step's number in its weight in the average, at least 0; 0 by default
 * @param weightLrPower the power of the largest learning rate so far in that weight, at least 0; 2
 *     by default
 */
public record ScheduleFreeSGD(
        double learningRate,
        double momentum,
        double weightDecay,
        long warmupSteps,
        double r,
        double weightLrPower)
        implements UpdateRule {

    /** The pass that makes the parameters their average. */
    public static final String EVAL = ScheduleFree.EVAL;

    /** The pass that makes them where gradients are taken again. */
    public static final String TRAIN = ScheduleFree.TRAIN;

    private static final ScheduleFree AVERAGE = new ScheduleFree(1);
    private static final List<Slot> SLOTS = ScheduleFree.slots();

    private static final RuleDescriptor<ScheduleFreeSGD> DESCRIPTOR =
            RuleDescriptor.of(
                            ScheduleFreeSGD.class,
                            "facebookresearch/schedule_free, sgd_schedulefree.py; Defazio et al.,"
                                    + " 2024")
                    .learningRate(1, ScheduleFreeSGD::learningRate)
                    .number(
                            "momentum",
                            RuleSetting.Range.OPEN_FRACTION,
                            0.9,
                            ScheduleFreeSGD::momentum)
                    .weightDecay(0, ScheduleFreeSGD::weightDecay)
                    .count("warmup_steps", 0, ScheduleFreeSGD::warmupSteps)
                    .number("r", RuleSetting.Range.NON_NEGATIVE, 0, ScheduleFreeSGD::r)
                    .number(
                            "weight_lr_power",
                            RuleSetting.Range.NON_NEGATIVE,
                            2,
                            ScheduleFreeSGD::weightLrPower)
                    .build(
                            v ->
                                    new ScheduleFreeSGD(
                                            v.number(),
                                            v.number(),
                                            v.number(),
                                            v.count(),
                                            v.number(),
                                            v.number()));

    /** Checks the hyper-parameters. */
    public ScheduleFreeSGD {
        DESCRIPTOR.check(learningRate, momentum, weightDecay, warmupSteps, r, weightLrPower);
        DESCRIPTOR.check("1 / momentum", RuleSetting.Range.FINITE, 1 / momentum);
    }

    /** The rule with its authors' defaults. */
    public static ScheduleFreeSGD defaults() {
        return DESCRIPTOR.defaults();
    }

    /** The rule with its authors' defaults and this learning rate. */
    public static ScheduleFreeSGD withLearningRate(double learningRate) {
        return defaults().atLearningRate(learningRate);
    }

    @Override
    public ScheduleFreeSGD atLearningRate(double value) {
        return DESCRIPTOR.with(this, "lr", value);
    }

    @Override
    public RuleDescriptor<ScheduleFreeSGD> descriptor() {
        return DESCRIPTOR;
    }

    @Override
    public String name() {
        return "schedule-free-sgd";
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
            return ScheduleFree.pass(phase, preparation, momentum);
        }
        var move = AVERAGE.move(preparation, momentum, weightDecay);
        return element -> move.along(element, element.gradient());
    }
}
