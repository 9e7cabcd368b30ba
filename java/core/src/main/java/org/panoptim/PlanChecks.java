package org.panoptim;

import org.panoptim.internal.checkpoint.Checkpoint;
import org.panoptim.spi.CurvatureTransform;
import org.panoptim.spi.StepPlan;
import org.panoptim.step.LossScale;
import org.panoptim.step.NonFinitePolicy;

import java.util.HashSet;

/** What no optimizer may be told, whatever its backend. */
final class PlanChecks {

    private PlanChecks() {}

    /**
     * Checks names, memory, rules, curvature, schedule, and that a checkpoint can be written.
     *
     * @throws IllegalArgumentException if something does not fit
     */
    static void check(StepPlan plan) {
        checkParameters(plan);
        requireDecay(plan);
        RuleChecks.check(plan.groups());
        plan.curvature().ifPresent(transform -> transform.check(plan));
        Checkpoint.requireSavable(plan);
        checkSchedule(plan);
        checkTeam(plan);
    }

    /** What a team cannot share: a transform that is not told who has which gradients. */
    private static void checkTeam(StepPlan plan) {
        if (plan.shares().team().isPresent()
                && plan.transform().isPresent()
                && plan.curvature().flatMap(CurvatureTransform::wholeParameters).isEmpty()) {
            throw new IllegalArgumentException(
                    "this transform of gradients cannot go with a team, whose members have the mean"
                            + " of a part of the gradients alone");
        }
    }

    /**
     * Checks that the states of a transform, if there is one, have names of their own; it may have
     * to wait for running work.
     *
     * @throws IllegalArgumentException if one has the name of another state
     */
    static void checkTransformsStates(StepPlan plan) {
        plan.curvature()
                .ifPresent(transform -> Checkpoint.requireSavable(plan, transform.states()));
    }

    /**
     * Checks names and memory of the parameters.
     *
     * @throws IllegalArgumentException if two have one name or share a byte
     */
    static void checkParameters(StepPlan plan) {
        requireOwnNames(plan);
        requireOwnMemory(plan);
    }

    private static void requireOwnNames(StepPlan plan) {
        var groupNames = new HashSet<String>();
        var parameterNames = new HashSet<String>();
        for (var group : plan.groups()) {
            if (!groupNames.add(group.name())) {
                throw new IllegalArgumentException("two groups are named '" + group.name() + "'");
            }
            for (var parameter : group.parameters()) {
                if (!parameterNames.add(parameter.name())) {
                    throw new IllegalArgumentException(
                            "two parameters are named '" + parameter.name() + "'");
                }
            }
        }
    }

    private static void requireOwnMemory(StepPlan plan) {
        Memories.findOverlap(plan.parameters())
                .ifPresent(
                        pair -> {
                            throw new IllegalArgumentException(
                                    "%s and %s overlap".formatted(pair.getFirst(), pair.getLast()));
                        });
    }

    private static void requireDecay(StepPlan plan) {
        for (var parameter : plan.parameters()) {
            if (parameter.average().isPresent() && plan.averaging().isEmpty()) {
                throw new IllegalArgumentException(
                        "parameter '%s' has an average, but the optimizer no averageDecay for it"
                                .formatted(parameter.name()));
            }
        }
    }

    /** Asks for the first step's momentum: most schedules that set one set it from there on. */
    private static void checkSchedule(StepPlan plan) {
        try {
            plan.momentum(1);
        } catch (IllegalStateException e) {
            throw new IllegalArgumentException(e.getMessage(), e);
        }
    }

    /** What is done about gradients that are not finite, where nothing else is asked for. */
    static NonFinitePolicy usualPolicy(LossScale lossScale) {
        return lossScale instanceof LossScale.Dynamic
                ? NonFinitePolicy.SKIP
                : NonFinitePolicy.PROPAGATE;
    }
}
