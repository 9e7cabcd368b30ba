package org.panoptim.spi;

import org.panoptim.parameter.Parameter;
import org.panoptim.parameter.ParameterGroup;
import org.panoptim.rule.UpdateRule;
import org.panoptim.schedule.Schedule;
import org.panoptim.step.LossScale;
import org.panoptim.step.NonFinitePolicy;

import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.OptionalDouble;

/**
 * All that an optimizer asks of a step.
 *
 * @param groups the groups, in registration order
 * @param schedule factors of the learning rate and momentum
 * @param lossScale what gradients come multiplied by
 * @param policy what a non-finite gradient does
 * @param clipNorm largest global norm of the gradient, above 0; infinity: no clipping
 * @param zeroGradients whether the step leaves zeros in the gradients
 * @param statistics whether the norms of gradient and update are taken even if nothing needs them
 * @param transform what rewrites gradients between acceptance and update, if anything
 * @param averageDecay what the parameters' moving averages keep of themselves in a step, in [0, 1]
 */
public record StepPlan(
        List<ParameterGroup> groups,
        Schedule schedule,
        LossScale lossScale,
        NonFinitePolicy policy,
        double clipNorm,
        boolean zeroGradients,
        boolean statistics,
        Optional<GradientTransform> transform,
        OptionalDouble averageDecay) {

    /** Checks the components. */
    public StepPlan {
        groups = List.copyOf(groups);
        Objects.requireNonNull(schedule, "schedule");
        Objects.requireNonNull(lossScale, "lossScale");
        Objects.requireNonNull(policy, "policy");
        Objects.requireNonNull(transform, "transform");
        if (!(clipNorm > 0)) {
            throw new IllegalArgumentException("clipNorm must be above 0, but is " + clipNorm);
        }
        if (averageDecay.isPresent()
                && !(averageDecay.getAsDouble() >= 0 && averageDecay.getAsDouble() <= 1)) {
            throw new IllegalArgumentException(
                    "averageDecay must be in [0, 1], but is " + averageDecay.getAsDouble());
        }
        if (lossScale instanceof LossScale.Dynamic && policy == NonFinitePolicy.PROPAGATE) {
            throw new IllegalArgumentException(
                    "a dynamic loss scale skips non-finite gradients, so the policy must be SKIP or"
                            + " FAIL, but is PROPAGATE");
        }
    }

    /** Whether steps are taken; not so where there are only rules with passes alone. */
    public boolean takesSteps() {
        return groups.isEmpty() || groups.stream().anyMatch(group -> group.rule().phases() > 0);
    }

    /** Whether the gradients have to be measured. */
    public boolean measures() {
        return clips() || statistics || policy != NonFinitePolicy.PROPAGATE;
    }

    /** Whether the gradient's norm is bounded. */
    public boolean clips() {
        return clipNorm < Double.POSITIVE_INFINITY;
    }

    /**
     * The schedule's factor for a step.
     *
     * @throws IllegalStateException if the schedule answers with something else than a finite
     *     number of at least 0, or one that makes a group's learning rate too large
     */
    public double rateFactor(long step) {
        double factor = schedule.factor(step);
        if (!(factor >= 0 && factor < Double.POSITIVE_INFINITY)) {
            throw new IllegalStateException(
                    "the schedule's factor must be finite and at least 0, but is "
                            + factor
                            + " at step "
                            + step);
        }
        if (factor > 1) {
            requireRates(factor, step);
        }
        return factor;
    }

    /** A rule checks its own learning rate; what a schedule makes of it may be too large. */
    private void requireRates(double factor, long step) {
        for (var group : groups) {
            double rate = group.rule().learningRate() * factor;
            try {
                group.rule().atLearningRate(rate);
            } catch (IllegalArgumentException e) {
                throw new IllegalStateException(
                        "the schedule's factor %s at step %d is too large for group '%s': %s"
                                .formatted(factor, step, group.name(), e.getMessage()),
                        e);
            }
        }
    }

    /**
     * The schedule's momentum for a step, or NaN if it leaves momentum alone.
     *
     * @throws IllegalStateException if the schedule answers with something else outside [0, 1), or
     *     with a momentum that a group's rule has none of
     */
    public double momentum(long step) {
        double momentum = schedule.momentum(step);
        if (Double.isNaN(momentum)) {
            return momentum;
        }
        for (var group : groups) {
            if (!group.rule().takesMomentum()) {
                throw new IllegalStateException(
                        "the schedule sets the momentum, to %s at step %d, but rule %s of group '%s' has none; give it one, or take a schedule without momentum"
                                .formatted(momentum, step, group.rule().name(), group.name()));
            }
        }
        if (momentum < 0 || (float) momentum >= 1) {
            throw new IllegalStateException(
                    "the schedule's momentum must be in [0, 1) or NaN, but is "
                            + momentum
                            + " at step "
                            + step);
        }
        return momentum;
    }

    /** All parameters in registration order: the order in which they count for reductions. */
    public List<Parameter> parameters() {
        return groups.stream().flatMap(group -> group.parameters().stream()).toList();
    }

    /** The transform, if it has a life of its own: follows the groups and keeps states. */
    public Optional<CurvatureTransform> curvature() {
        return transform
                .filter(CurvatureTransform.class::isInstance)
                .map(CurvatureTransform.class::cast);
    }

    /** The plan of a companion: the same groups under its rule, and nothing of the step. */
    public StepPlan accompanying(UpdateRule companion) {
        var accompanied =
                groups.stream()
                        .map(
                                group ->
                                        new ParameterGroup(
                                                group.name(),
                                                companion,
                                                group.parameters(),
                                                group.frozen()))
                        .toList();
        return new StepPlan(
                accompanied,
                Schedule.constant(),
                LossScale.none(),
                NonFinitePolicy.PROPAGATE,
                Double.POSITIVE_INFINITY,
                false,
                false,
                Optional.empty(),
                OptionalDouble.empty());
    }

    /** This plan with another transform. */
    public StepPlan withTransform(Optional<GradientTransform> value) {
        return new StepPlan(
                groups,
                schedule,
                lossScale,
                policy,
                clipNorm,
                zeroGradients,
                statistics,
                value,
                averageDecay);
    }

    /** This plan with other groups. */
    public StepPlan withGroups(List<ParameterGroup> value) {
        return new StepPlan(
                value,
                schedule,
                lossScale,
                policy,
                clipNorm,
                zeroGradients,
                statistics,
                transform,
                averageDecay);
    }
}
