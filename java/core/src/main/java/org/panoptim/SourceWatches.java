package org.panoptim;

import org.panoptim.parameter.Parameter;
import org.panoptim.parameter.ParameterSource;
import org.panoptim.rule.Pass;
import org.panoptim.rule.PhaseSpan;
import org.panoptim.spi.Execution;
import org.panoptim.spi.StepPlan;
import org.panoptim.step.NonFinitePolicy;

import java.util.ArrayList;
import java.util.Collection;
import java.util.HashSet;
import java.util.IdentityHashMap;
import java.util.List;

/**
 * The sources of an optimizer's parameters: asks them before it touches memory, and tells them what
 * it wrote. Parameters without a source cost nothing.
 */
final class SourceWatches {

    /**
     * What watches over some of the parameters.
     *
     * @param parameters in the watch's order
     * @param groups the index of each one's group
     */
    private record Watched(ParameterSource.Watch watch, Parameter[] parameters, int[] groups) {}

    private final Watched[] watched;

    SourceWatches(StepPlan plan) {
        var bySource = new IdentityHashMap<ParameterSource, List<Parameter>>();
        var groups = new IdentityHashMap<Parameter, Integer>();
        for (int group = 0; group < plan.groups().size(); group++) {
            for (var parameter : plan.groups().get(group).parameters()) {
                var source = parameter.source();
                if (source.isPresent()) {
                    bySource.computeIfAbsent(source.get(), _ -> new ArrayList<>()).add(parameter);
                    groups.put(parameter, group);
                }
            }
        }
        var found = new ArrayList<Watched>();
        for (var entry : bySource.entrySet()) {
            var parameters = List.copyOf(entry.getValue());
            found.add(
                    new Watched(
                            entry.getKey().watch(parameters),
                            parameters.toArray(Parameter[]::new),
                            parameters.stream().mapToInt(groups::get).toArray()));
        }
        watched = found.toArray(Watched[]::new);
    }

    /**
     * Lets the parameters follow their sources.
     *
     * @throws IllegalStateException if memory is not where it was or cannot be used
     */
    void refresh() {
        for (var each : watched) {
            each.watch.refresh();
        }
    }

    /**
     * Checks that values are where they were.
     *
     * @throws IllegalStateException if one is not
     */
    void checkValues(Collection<Parameter> parameters) {
        var wanted = new HashSet<>(parameters);
        for (var each : watched) {
            for (int i = 0; i < each.parameters.length; i++) {
                if (wanted.contains(each.parameters[i])) {
                    each.watch.checkValue(i);
                }
            }
        }
    }

    /**
     * Tells what a step wrote that went through.
     *
     * @param plan the plan that it followed, of the groups that this was built with
     */
    void stepped(StepPlan plan, Execution execution) {
        if (watched.length > 0) {
            written(plan, mayHaveAccepted(plan, execution));
        }
    }

    /** Tells what a step wrote that was refused for its gradients: zeros, if asked for. */
    void refused(StepPlan plan) {
        written(plan, false);
    }

    /** Tells what a launch of a captured step writes: all that it may. */
    void launched(StepPlan plan) {
        written(plan, true);
    }

    /**
     * Checks the values that a pass over every parameter touches and {@link #refresh} left alone.
     *
     * @param plan of the rules whose pass it is, of the groups that this was built with
     * @throws IllegalStateException if one is not where it was
     */
    void checkPassed(StepPlan plan, Pass pass) {
        for (var each : watched) {
            for (int i = 0; i < each.parameters.length; i++) {
                if (isPassed(each, i, plan, pass) && !each.parameters[i].hasGradient()) {
                    each.watch.checkValue(i);
                }
            }
        }
    }

    /** Tells what a pass wrote, or may have. */
    void passed(StepPlan plan, Pass pass) {
        // Of a team the owner has the mean of the gradients that the pass has read.
        boolean ofTeam = !pass.everyParameter() && plan.shares().team().isPresent();
        if (pass.writes() == Pass.Writes.NOTHING && !ofTeam) {
            return;
        }
        for (var each : watched) {
            for (int i = 0; i < each.parameters.length; i++) {
                if (!isPassed(each, i, plan, pass)) {
                    continue;
                }
                if (pass.writes() == Pass.Writes.PARAMETER) {
                    each.watch.valueWritten(i);
                }
                if (pass.writes() == Pass.Writes.GRADIENT || ofTeam) {
                    each.watch.gradientWritten(i);
                }
            }
        }
    }

    private static boolean isPassed(Watched each, int place, StepPlan plan, Pass pass) {
        var group = plan.groups().get(each.groups[place]);
        var span = PhaseSpan.ofPass(group.rule(), pass.name());
        return !group.frozen()
                && span.phases() > 0
                && (span.everyParameter() || each.parameters[place].hasGradient());
    }

    /** Tells that every gradient was set to zero. */
    void zeroed() {
        for (var each : watched) {
            for (int i = 0; i < each.parameters.length; i++) {
                if (each.parameters[i].hasGradient()) {
                    each.watch.gradientWritten(i);
                }
            }
        }
    }

    /** A device is not asked, since it would be waited for. */
    private static boolean mayHaveAccepted(StepPlan plan, Execution execution) {
        return plan.policy() == NonFinitePolicy.PROPAGATE
                || execution.deviceStep().isPresent()
                || execution.outcome().accepted();
    }

    private void written(StepPlan plan, boolean accepted) {
        for (var each : watched) {
            for (int i = 0; i < each.parameters.length; i++) {
                if (!each.parameters[i].hasGradient()) {
                    continue;
                }
                boolean frozen = plan.groups().get(each.groups[i]).frozen();
                boolean updated = accepted && !frozen;
                if (updated) {
                    each.watch.valueWritten(i);
                }
                // A transform may rewrite any gradient, and does not say which; of a team the owner
                // has the mean.
                if (plan.zeroGradients()
                        || updated && plan.transform().isPresent()
                        || !frozen && plan.shares().team().isPresent()) {
                    each.watch.gradientWritten(i);
                }
            }
        }
    }

    /** Where the gradients of the watched parameters lie now. */
    long[] gradientAddresses() {
        int count = 0;
        for (var each : watched) {
            count += each.parameters.length;
        }
        var addresses = new long[count];
        int place = 0;
        for (var each : watched) {
            for (var parameter : each.parameters) {
                addresses[place++] = parameter.gradientAddress();
            }
        }
        return addresses;
    }

    /**
     * Checks that the gradients of the watched parameters lie where they did.
     *
     * @param addresses what {@link #gradientAddresses} gave then
     * @throws IllegalStateException if not
     */
    void requireGradientsAt(long[] addresses) {
        int place = 0;
        for (var each : watched) {
            for (var parameter : each.parameters) {
                if (parameter.gradientAddress() != addresses[place++]) {
                    throw new IllegalStateException(
                            "the gradient of parameter '%s' is not where it was when the step was captured; capture the step anew"
                                    .formatted(parameter.name()));
                }
            }
        }
    }
}
