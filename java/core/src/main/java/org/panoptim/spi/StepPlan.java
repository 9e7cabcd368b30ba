package org.panoptim.spi;

import org.panoptim.parameter.Parameter;
import org.panoptim.parameter.ParameterGroup;
import org.panoptim.rule.Companion;
import org.panoptim.rule.UpdateRule;
import org.panoptim.schedule.Schedule;
import org.panoptim.step.Averaging;
import org.panoptim.step.Clipping;
import org.panoptim.step.LossScale;
import org.panoptim.step.NonFinitePolicy;

import java.util.List;
import java.util.Objects;
import java.util.Optional;

/**
 * All that an optimizer asks of a step.
 *
 * @param groups the groups, in registration order
 * @param schedule factors of the learning rate and momentum
 * @param lossScale what gradients come multiplied by
 * @param policy what a non-finite gradient does
 * @param clipping what bounds the gradients
 * @param zeroGradients whether the step leaves zeros in the gradients
 * @param statisticsEvery every how many steps statistics are taken; 0: never
 * @param transform what rewrites gradients between acceptance and update, if anything
 * @param averaging how the parameters' moving averages follow them, if they have any
 * @param lent what companions lend to the step
 * @param flushesStates whether states of elements that a step leaves below 2⁻¹²⁶ become 0
 * @param shares which part of each parameter is stepped here
 */
public record StepPlan(
        List<ParameterGroup> groups,
        Schedule schedule,
        LossScale lossScale,
        NonFinitePolicy policy,
        Clipping clipping,
        boolean zeroGradients,
        int statisticsEvery,
        Optional<GradientTransform> transform,
        Optional<Averaging> averaging,
        Lent lent,
        boolean flushesStates,
        Shares shares) {

    /** Checks the components. */
    public StepPlan {
        groups = List.copyOf(groups);
        Objects.requireNonNull(schedule, "schedule");
        Objects.requireNonNull(lossScale, "lossScale");
        Objects.requireNonNull(policy, "policy");
        Objects.requireNonNull(clipping, "clipping");
        Objects.requireNonNull(transform, "transform");
        Objects.requireNonNull(averaging, "averaging");
        Objects.requireNonNull(lent, "lent");
        Objects.requireNonNull(shares, "shares");
        if (statisticsEvery < 0) {
            throw new IllegalArgumentException(
                    "statistics are taken every so many steps, or with 0 never, but came "
                            + statisticsEvery);
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

    /** A plan that asks for steps of groups, and for nothing besides. */
    public static StepPlan of(List<ParameterGroup> groups) {
        return new StepPlan(
                groups,
                Schedule.constant(),
                LossScale.none(),
                NonFinitePolicy.PROPAGATE,
                Clipping.none(),
                false,
                0,
                Optional.empty(),
                Optional.empty(),
                Lent.nothing(),
                false,
                Shares.whole());
    }

    /**
     * Whether the step's last phase zeroes gradients: not where a companion's pass completes the
     * step and reads them once more, nor where it goes over a part of them alone.
     */
    public boolean zeroesInStep() {
        return zeroGradients && lent.updates().isEmpty() && shares.team().isEmpty();
    }

    /** Whether the gradients have to be measured before the update. */
    public boolean measures() {
        return clipping.boundsNorms() || policy != NonFinitePolicy.PROPAGATE;
    }

    /** Whether an attempt at a step, counted from 1, takes statistics. */
    public boolean takesStatistics(long step) {
        return statisticsEvery > 0 && step % statisticsEvery == 0;
    }

    /** Whether any step takes statistics. */
    public boolean takesStatistics() {
        return statisticsEvery > 0;
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

    /**
     * The plan of a companion: the same groups under its rule, and nothing of the step but how
     * averages follow.
     *
     * @throws IllegalArgumentException if it cannot go with a group's rule
     */
    public StepPlan accompanying(UpdateRule companion) {
        var accompanied =
                groups.stream()
                        .map(
                                group ->
                                        new ParameterGroup(
                                                group.name(),
                                                beside(companion, group.rule()),
                                                group.parameters(),
                                                group.frozen()))
                        .toList();
        return of(accompanied).withAveraging(averaging).withShares(shares);
    }

    private static UpdateRule beside(UpdateRule companion, UpdateRule rule) {
        return companion instanceof Companion own ? own.beside(rule) : companion;
    }

    /** This plan with other groups. */
    public StepPlan withGroups(List<ParameterGroup> value) {
        return with(value, clipping, transform, averaging, lent, shares.with(value));
    }

    /** This plan of which a part is stepped here. */
    public StepPlan withShares(Shares value) {
        return with(groups, clipping, transform, averaging, lent, value);
    }

    /** This plan with other bounds of the gradients. */
    public StepPlan withClipping(Clipping value) {
        return with(groups, value, transform, averaging, lent, shares);
    }

    /** This plan with another transform. */
    public StepPlan withTransform(Optional<GradientTransform> value) {
        return with(groups, clipping, value, averaging, lent, shares);
    }

    /** This plan with averages that follow in another way. */
    public StepPlan withAveraging(Optional<Averaging> value) {
        return with(groups, clipping, transform, value, lent, shares);
    }

    /** This plan with what companions lend. */
    public StepPlan withLent(Lent value) {
        return with(groups, clipping, transform, averaging, value, shares);
    }

    private StepPlan with(
            List<ParameterGroup> newGroups,
            Clipping newClipping,
            Optional<GradientTransform> newTransform,
            Optional<Averaging> newAveraging,
            Lent newLent,
            Shares newShares) {
        return new StepPlan(
                newGroups,
                schedule,
                lossScale,
                policy,
                newClipping,
                zeroGradients,
                statisticsEvery,
                newTransform,
                newAveraging,
                newLent,
                flushesStates,
                newShares);
    }
}
