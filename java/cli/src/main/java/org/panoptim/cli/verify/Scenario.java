package org.panoptim.cli.verify;

import org.panoptim.Optimizer;
import org.panoptim.rule.UpdateRule;

import java.util.List;
import java.util.function.UnaryOperator;

/**
 * A run that every backend must bring to the same bits, all NaNs counted as one value.
 *
 * @param rule the name of the rule that it is about
 * @param title what is special about it
 * @param groups the parameters; the one at place p of group g is named {@code g.p}
 * @param steps how many steps it takes
 * @param values the initial values
 * @param gradients the gradients
 * @param curvatures the curvatures
 * @param gradientAt where and when there is a gradient
 * @param curvatureAt where and when there is curvature
 * @param unaligned whether memory begins four bytes after a multiple of 64
 * @param options what else the optimizer is asked for
 * @param beforeStep changes to the optimizer between its steps
 */
public record Scenario(
        String rule,
        String title,
        List<Group> groups,
        int steps,
        Signal values,
        Signal gradients,
        Signal curvatures,
        Presence gradientAt,
        Presence curvatureAt,
        boolean unaligned,
        UnaryOperator<Optimizer.Builder<UpdateRule>> options,
        Change beforeStep) {

    /**
     * Parameters under one rule.
     *
     * @param rule the rule with its hyper-parameters
     * @param sizes how many elements each parameter has
     */
    public record Group(UpdateRule rule, List<Integer> sizes) {}

    /**
     * Whether something is there in a step, from 1, for a parameter, counted over all groups from
     * 0.
     */
    @FunctionalInterface
    public interface Presence {
        /** Answers. */
        boolean test(int step, int parameter);
    }

    /** What happens before a step. */
    @FunctionalInterface
    public interface Change {
        /** Changes the optimizer before the step of that number, from 1. */
        void apply(int step, Optimizer optimizer);
    }

    /**
     * A scenario with ordinary numbers, a gradient for everything in every step, and no options.
     */
    public static Scenario of(String rule, String title, int steps, List<Group> groups) {
        return new Scenario(
                rule,
                title,
                groups,
                steps,
                Signal.normal(1),
                Signal.normal(0.1),
                Signal.normal(0.01),
                (_, _) -> true,
                (_, _) -> false,
                false,
                builder -> builder,
                (_, _) -> {});
    }

    /** This scenario with other values, gradients and curvatures. */
    public Scenario withNumbers(Signal newValues, Signal newGradients, Signal newCurvatures) {
        return new Scenario(
                rule,
                title,
                groups,
                steps,
                newValues,
                newGradients,
                newCurvatures,
                gradientAt,
                curvatureAt,
                unaligned,
                options,
                beforeStep);
    }

    /** This scenario with gradients only here. */
    public Scenario withGradientAt(Presence presence) {
        return new Scenario(
                rule,
                title,
                groups,
                steps,
                values,
                gradients,
                curvatures,
                presence,
                curvatureAt,
                unaligned,
                options,
                beforeStep);
    }

    /** This scenario with curvature here. */
    public Scenario withCurvatureAt(Presence presence) {
        return new Scenario(
                rule,
                title,
                groups,
                steps,
                values,
                gradients,
                curvatures,
                gradientAt,
                presence,
                unaligned,
                options,
                beforeStep);
    }

    /** This scenario at odd addresses. */
    public Scenario misaligned() {
        return new Scenario(
                rule,
                title,
                groups,
                steps,
                values,
                gradients,
                curvatures,
                gradientAt,
                curvatureAt,
                true,
                options,
                beforeStep);
    }

    /** This scenario with these options. */
    public Scenario withOptions(UnaryOperator<Optimizer.Builder<UpdateRule>> newOptions) {
        return new Scenario(
                rule,
                title,
                groups,
                steps,
                values,
                gradients,
                curvatures,
                gradientAt,
                curvatureAt,
                unaligned,
                newOptions,
                beforeStep);
    }

    /** This scenario with this change. */
    public Scenario withBeforeStep(Change change) {
        return new Scenario(
                rule,
                title,
                groups,
                steps,
                values,
                gradients,
                curvatures,
                gradientAt,
                curvatureAt,
                unaligned,
                options,
                change);
    }

    /** The rule and what is special, for messages. */
    @Override
    public String toString() {
        return rule + ", " + title;
    }
}
