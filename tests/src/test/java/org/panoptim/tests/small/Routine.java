package org.panoptim.tests.small;

import org.panoptim.Optimizer;
import org.panoptim.backend.Backend;
import org.panoptim.parameter.Parameter;
import org.panoptim.rule.Accumulation;
import org.panoptim.rule.AdamW;
import org.panoptim.rule.AdaptiveClip;
import org.panoptim.rule.AverageSwap;
import org.panoptim.rule.Cautious;
import org.panoptim.rule.Centralize;
import org.panoptim.rule.Companion;
import org.panoptim.rule.Hypergradient;
import org.panoptim.rule.LookSAM;
import org.panoptim.rule.Lookahead;
import org.panoptim.rule.SAM;
import org.panoptim.rule.SGD;
import org.panoptim.rule.SVRG;
import org.panoptim.rule.UpdateRule;
import org.panoptim.step.Averaging;

import java.util.List;
import java.util.function.BiConsumer;
import java.util.function.IntConsumer;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;

/**
 * How an optimizer takes a step.
 *
 * @param name what a failing test calls it
 * @param rule of the one group
 * @param companions what it is told beside the rule
 * @param options what else
 * @param script a step
 */
record Routine(
        String name,
        UpdateRule rule,
        List<Companion> companions,
        UnaryOperator<Optimizer.Builder<UpdateRule>> options,
        Script script) {

    /** A step of an optimizer. */
    @FunctionalInterface
    interface Script {

        /**
         * Takes it.
         *
         * @param number from 1
         * @param gradients gives the parameters the gradients of a stage of the step, from 0
         */
        void step(Optimizer optimizer, int number, IntConsumer gradients);
    }

    /** How many steps are taken. */
    static final int STEPS = 3;

    /** The name of the one group. */
    static final String GROUP = "all";

    private static final SGD SGD_RULE = SGD.withLearningRate(0.25).withMomentum(0.5);
    private static final AdamW ADAMW = AdamW.withLearningRate(0.125).withWeightDecay(0.25);

    /** A rule alone. */
    static Routine of(UpdateRule rule) {
        return new Routine(
                rule.kernelName(), rule, List.of(), UnaryOperator.identity(), Routine::plain);
    }

    private static Routine with(UpdateRule rule, Companion companion) {
        return with(rule, companion, Routine::plain);
    }

    private static Routine with(UpdateRule rule, Companion companion, Script script) {
        return new Routine(
                companion.name(), rule, List.of(companion), UnaryOperator.identity(), script);
    }

    private static Routine option(
            String name, UpdateRule rule, UnaryOperator<Optimizer.Builder<UpdateRule>> options) {
        return new Routine(name, rule, List.of(), options, Routine::plain);
    }

    /** Companions and options in which no tensor looks at another. */
    static List<Routine> ofEachTensor() {
        return List.of(
                with(SGD_RULE, new Lookahead(2, 0.5)),
                with(SGD_RULE, Accumulation.defaults(), Routine::inTwoBatches),
                with(SGD_RULE, new SVRG(), Routine::varianceReduced),
                with(ADAMW, Cautious.ofUpdates().withCautiousDecay(true)),
                with(SGD_RULE, new Centralize()),
                with(SGD_RULE, AdaptiveClip.withClip(0.5)),
                // The norm over all, which is taken as SAM's is, moves nothing here.
                with(SGD_RULE, new LookSAM(0, 2, 0.5), Routine::perturbedEveryOtherTime),
                new Routine(
                        "average-swap",
                        SGD_RULE,
                        List.of(new AverageSwap()),
                        builder -> builder.averaging(Averaging.exponential(0.75)),
                        Routine::swappedAtLast),
                option("clipParameterNorm", SGD_RULE, builder -> builder.clipParameterNorm(0.5)),
                option("clipValue", SGD_RULE, builder -> builder.clipValue(0.25)));
    }

    /**
     * Companions and options with a sum over all tensors. What it scales is larger by far than what
     * the tensors begin as, so that one left out of the sum would show in all of them.
     */
    static List<Routine> ofAllTensors() {
        var far = SGD.withLearningRate(1000);
        return List.of(
                with(SGD_RULE, SAM.withRho(2000), Routine::perturbedAtLast),
                with(SGD_RULE, Hypergradient.withBeta(1e-5)),
                option("clipGlobalNorm", far, builder -> builder.clipGlobalNorm(0.5)),
                option("clipGroupNorm", far, builder -> builder.clipGroupNorm(0.5)));
    }

    private static void plain(Optimizer optimizer, int number, IntConsumer gradients) {
        gradients.accept(0);
        optimizer.step();
    }

    private static void inTwoBatches(Optimizer optimizer, int number, IntConsumer gradients) {
        for (int batch = 0; batch < 2; batch++) {
            gradients.accept(batch);
            optimizer.run(Accumulation.ACCUMULATE);
        }
        optimizer.step();
    }

    private static void varianceReduced(Optimizer optimizer, int number, IntConsumer gradients) {
        if (number == 1) {
            gradients.accept(0);
            optimizer.run(SVRG.SNAPSHOT);
        }
        optimizer.run(SVRG.VISIT);
        gradients.accept(1);
        optimizer.run(SVRG.LEAVE);
        optimizer.run(SVRG.RECORD);
        gradients.accept(2);
        optimizer.step();
    }

    private static void perturbedEveryOtherTime(
            Optimizer optimizer, int number, IntConsumer gradients) {
        gradients.accept(0);
        if (number != 2) {
            optimizer.run(LookSAM.PERTURB);
            gradients.accept(1);
            optimizer.run(LookSAM.RESTORE);
        }
        optimizer.step();
    }

    private static void swappedAtLast(Optimizer optimizer, int number, IntConsumer gradients) {
        plain(optimizer, number, gradients);
        optimizer.run(AverageSwap.USE_AVERAGE);
        if (number < STEPS) {
            optimizer.run(AverageSwap.USE_PARAMETER);
        }
    }

    private static void perturbedAtLast(Optimizer optimizer, int number, IntConsumer gradients) {
        gradients.accept(0);
        optimizer.run(SAM.PERTURB);
        if (number < STEPS) {
            gradients.accept(1);
            optimizer.run(SAM.RESTORE);
            optimizer.step();
        }
    }

    /** An optimizer of some parameters, on a backend that stays the caller's. */
    Optimizer optimizer(List<Parameter> parameters, Backend backend) {
        var builder = options.apply(Optimizer.builder(rule));
        companions.forEach(builder::companion);
        return builder.group(GROUP, parameters).backend(backend).build();
    }

    /**
     * Takes all steps.
     *
     * @param gradients gives the parameters the gradients of a step's stage
     */
    void run(Optimizer optimizer, BiConsumer<Integer, Integer> gradients) {
        for (int step = 1; step <= STEPS; step++) {
            int number = step;
            script.step(optimizer, number, stage -> gradients.accept(number, stage));
        }
    }

    /** The tensors that the rule and companions need. */
    SmallTensors tensors() {
        boolean averaged = companions.stream().anyMatch(AverageSwap.class::isInstance);
        return new SmallTensors(averaged, rule.takesCurvature());
    }

    /** The rule and the companions. */
    List<UpdateRule> keepers() {
        return Stream.concat(Stream.of(rule), companions.stream()).toList();
    }

    @Override
    public String toString() {
        return name;
    }
}
