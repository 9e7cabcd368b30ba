package org.panoptim;

import org.panoptim.backend.Backend;
import org.panoptim.internal.checkpoint.CompanionStates;
import org.panoptim.parameter.ParameterGroup;
import org.panoptim.rule.PhaseSpan;
import org.panoptim.rule.Slot;
import org.panoptim.rule.UpdateRule;
import org.panoptim.spi.Cleanup;
import org.panoptim.spi.Execution;
import org.panoptim.spi.StepPlan;
import org.panoptim.tensor.StateTensor;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;

/**
 * The companions of an optimizer: rules with passes alone, each with an execution over the same
 * groups under its rule.
 */
final class Companions {

    private record Companion(UpdateRule rule, Execution execution) {}

    private final List<Companion> companions = new ArrayList<>();
    private StepPlan plan;

    private Companions(StepPlan plan) {
        this.plan = plan;
    }

    /**
     * Checks that rules can accompany a plan's.
     *
     * @throws IllegalArgumentException if not
     */
    static void check(StepPlan plan, List<UpdateRule> rules) {
        for (var rule : rules) {
            RuleChecks.checkCompanion(rule, plan.accompanying(rule).groups());
        }
        for (var group : plan.groups()) {
            requireOtherStates(group, rules);
        }
    }

    /** States are found by their names. */
    private static void requireOtherStates(ParameterGroup group, List<UpdateRule> rules) {
        var names = new HashSet<String>();
        addNames(names, group.rule().slots());
        for (var parameter : group.parameters()) {
            addNames(names, group.rule().slots(parameter.shape()));
        }
        for (var rule : rules) {
            var own = new HashSet<String>();
            addNames(own, rule.slots());
            for (var parameter : group.parameters()) {
                addNames(own, rule.slots(parameter.shape()));
            }
            for (var name : own) {
                if (!names.add(name)) {
                    throw new IllegalArgumentException(
                            "companion %s keeps a state '%s', and so does another rule of group '%s'"
                                    .formatted(rule.name(), name, group.name()));
                }
            }
        }
    }

    private static void addNames(HashSet<String> names, List<Slot> slots) {
        slots.stream().filter(Slot::isKept).forEach(slot -> names.add(slot.name()));
    }

    /** Opens an execution for each; all or nothing. */
    static Companions open(Backend backend, StepPlan plan, List<UpdateRule> rules) {
        var opened = new Companions(plan);
        try {
            for (var rule : rules) {
                opened.companions.add(new Companion(rule, backend.open(plan.accompanying(rule))));
            }
        } catch (RuntimeException | Error e) {
            Cleanup.after(e, opened::close);
            throw e;
        }
        return opened;
    }

    List<UpdateRule> rules() {
        return companions.stream().map(Companion::rule).toList();
    }

    /** The executions, in their order. */
    List<Execution> executions() {
        return companions.stream().map(Companion::execution).toList();
    }

    /** Follows a change of the plan. */
    void configure(StepPlan changed) {
        for (var companion : companions) {
            companion.execution.configure(changed.accompanying(companion.rule));
        }
        plan = changed;
    }

    /** The plan of the companion that has a pass. */
    Optional<StepPlan> planOf(String pass) {
        return find(pass).map(companion -> plan.accompanying(companion.rule));
    }

    /** The execution of the companion that has a pass. */
    Optional<Execution> executionOf(String pass) {
        return find(pass).map(Companion::execution);
    }

    private Optional<Companion> find(String pass) {
        return companions.stream()
                .filter(each -> PhaseSpan.ofPass(each.rule, pass).phases() > 0)
                .findFirst();
    }

    /** A state of a parameter that a companion keeps. */
    Optional<StateTensor> state(String parameter, String slot) {
        return companions.stream()
                .flatMap(each -> named(each).findOfParameter(parameter, slot).stream())
                .findFirst();
    }

    /** A state that a companion keeps for a group. */
    Optional<StateTensor> ruleState(String group, String slot) {
        return companions.stream()
                .flatMap(each -> named(each).findOfRule(group, slot).stream())
                .findFirst();
    }

    private NamedStates named(Companion companion) {
        return new NamedStates(plan.accompanying(companion.rule), companion.execution);
    }

    /** What a checkpoint has of them. */
    List<CompanionStates> states() {
        return companions.stream()
                .map(
                        each ->
                                new CompanionStates(
                                        each.rule.name(),
                                        plan.accompanying(each.rule).groups(),
                                        each.execution))
                .toList();
    }

    void close() {
        Cleanup.all(
                companions.reversed().stream()
                        .<Runnable>map(each -> each.execution::close)
                        .toArray(Runnable[]::new));
    }
}
