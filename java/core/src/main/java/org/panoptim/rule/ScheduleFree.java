package org.panoptim.rule;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * What the schedule-free rules share. The parameter is y, where gradients are taken; z is where
 * plain steps lead, and x their average, with y = β·x + (1−β)·z. x is not kept: y and z tell it.
 *
 * <p>Source: facebookresearch/schedule_free, {@code adamw_schedulefree.py} and {@code
 * sgd_schedulefree.py}; Defazio et al., "The Road Less Scheduled", 2024.
 *
 * @param first the place of the first of the states that the rule keeps for itself
 */
record ScheduleFree(int first) {

    /** The pass from y to x. */
    static final String EVAL = "eval";

    /** The pass from x back to y. */
    static final String TRAIN = "train";

    private static final int Z = 0;
    private static final int EVALUATING = 1;

    /** The states: z, those of the elements besides, and those of the rule. */
    static List<Slot> slots(String... elements) {
        var slots = new ArrayList<Slot>();
        slots.add(new Slot("z"));
        for (var name : elements) {
            slots.add(new Slot(name));
        }
        slots.add(new Slot("k", Slot.Extent.RULE));
        slots.add(new Slot("weight_sum", Slot.Extent.RULE));
        slots.add(new Slot("lr_max", Slot.Extent.RULE).startingAt(-1));
        slots.add(new Slot("scheduled_lr", Slot.Extent.RULE));
        slots.add(new Slot("ckp1", Slot.Extent.RULE));
        return List.copyOf(slots);
    }

    /** The passes, numbered behind a step of one phase. */
    static List<Pass> passes() {
        return List.of(Pass.overAll(EVAL, 1).closedBy(TRAIN), Pass.overAll(TRAIN, 1));
    }

    /** What a step of the warm-up does, for people; nothing behind it. */
    Optional<String> explainWarmup(Preparation next, double rate, long warmupSteps) {
        long step = steps(next) + 1;
        return step < warmupSteps
                ? Optional.of(
                        Sentence.of(
                                "The warm-up multiplies the learning rate by %d/%d, which makes it"
                                        + " %s.",
                                step, warmupSteps, rate * step / warmupSteps))
                : Optional.empty();
    }

    /** Finds a step's learning rate, and the weight that z gets in the average. */
    void settle(
            Preparation preparation,
            double learningRate,
            long warmupSteps,
            double r,
            double weightLrPower) {
        double warmup = warmupSteps;
        double taken = steps(preparation);
        double step = taken + 1;
        double rate = preparation.rate(learningRate) * (taken < warmup ? step / warmup : 1);
        double largest = Arithmetic.max(rate, preparation.state(first + 2));
        double weight = StrictMath.pow(step, r) * StrictMath.pow(largest, weightLrPower);
        double sum = preparation.state(first + 1) + weight;
        preparation.state(first, step);
        preparation.state(first + 1, sum);
        preparation.state(first + 2, largest);
        preparation.state(first + 3, rate);
        preparation.state(first + 4, sum != 0 ? weight / sum : 0);
    }

    /** The number of the rule's steps, once it is settled this one included. */
    long steps(Preparation preparation) {
        return Arithmetic.whole(preparation.state(first));
    }

    /** What a step needs besides the direction. */
    Move move(Preparation preparation, double beta, double weightDecay) {
        double rate = preparation.state(first + 3);
        double weight = preparation.state(first + 4);
        return new Move(
                preparation.count() == 1,
                (float) weightDecay,
                (float) weight,
                (float) (rate * (1 - beta * (1 - weight))),
                (float) rate);
    }

    /**
     * @param first whether z begins, where the parameter is
     * @param weightDecay of the decay at y, which is added to the direction
     * @param average the weight of z in x
     * @param parameterRate how far y moves
     * @param rate how far z moves
     */
    record Move(boolean first, float weightDecay, float average, float parameterRate, float rate) {

        /** Moves y and z against a direction, to which the decay at y is added. */
        void along(Element element, float direction) {
            float y = element.parameter();
            float z = first ? y : element.state(Z);
            float u = direction + weightDecay * y;
            element.parameter((y + average * (z - y)) - parameterRate * u);
            element.state(Z, z - rate * u);
        }
    }

    /** A phase of a pass. A parameter that has taken no step stands still. */
    static ElementUpdate pass(int phase, Preparation preparation, double beta) {
        double weight = phase == EVALUATING ? 1 - 1 / beta : 1 - beta;
        return new Lerp(preparation.count() != 0 ? (float) weight : 0);
    }

    private record Lerp(float weight) implements ElementUpdate {

        @Override
        public void update(Element element) {
            float p = element.parameter();
            element.parameter(weight != 0 ? p + weight * (element.state(Z) - p) : p);
        }
    }
}
