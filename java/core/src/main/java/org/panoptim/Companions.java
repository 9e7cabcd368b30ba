package org.panoptim;

import org.panoptim.backend.Backend;
import org.panoptim.internal.checkpoint.CompanionStates;
import org.panoptim.memory.Memory;
import org.panoptim.parameter.Parameter;
import org.panoptim.parameter.ParameterGroup;
import org.panoptim.rule.Companion;
import org.panoptim.rule.Pass;
import org.panoptim.rule.PhaseSpan;
import org.panoptim.rule.Slot;
import org.panoptim.rule.UpdateRule;
import org.panoptim.spi.Cleanup;
import org.panoptim.spi.Execution;
import org.panoptim.spi.Lent;
import org.panoptim.spi.StepPlan;
import org.panoptim.tensor.StateTensor;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.function.Function;
import java.util.function.Predicate;

/**
 * The companions of an optimizer: rules with passes alone, each with an execution over the same
 * groups under its rule.
 */
final class Companions {

    private record Member(UpdateRule rule, Execution execution) {}

    private final List<Member> members = new ArrayList<>();
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
        requireOneLender(rules);
        requireOnePerturbing(rules);
        for (var group : plan.groups()) {
            requireOtherStates(group, rules);
        }
    }

    /** Only one can take the parameters' place, and only one the learning rates'. */
    private static void requireOneLender(List<UpdateRule> rules) {
        var updates = lenders(rules, each -> each.updateSlot().isPresent());
        var rates = lenders(rules, each -> each.rateSlot().isPresent());
        for (var found : List.of(updates, rates)) {
            if (found.size() > 1) {
                throw new IllegalArgumentException(
                        "companions %s and %s cannot go with one optimizer: both change the step itself"
                                .formatted(found.get(0).name(), found.get(1).name()));
            }
        }
    }

    /**
     * Of two companions that move parameters along gradients, and have the step take those of
     * there, the second would take the gradients of the first for the plain ones.
     */
    private static void requireOnePerturbing(List<UpdateRule> rules) {
        var perturbing =
                rules.stream()
                        .filter(rule -> rule.passes().stream().anyMatch(Companions::perturbs))
                        .toList();
        for (var other : perturbing) {
            // That the same one is there twice is said elsewhere.
            if (other.name().equals(perturbing.getFirst().name())) {
                continue;
            }
            throw new IllegalArgumentException(
                    "companions %s and %s cannot go with one optimizer: each lets a step take the gradients of where it has moved the parameters along their plain ones, and one would take those of the other for plain; leave one of them out"
                            .formatted(perturbing.getFirst().name(), other.name()));
        }
    }

    private static boolean perturbs(Pass pass) {
        return !pass.everyParameter()
                && pass.writes() == Pass.Writes.PARAMETER
                && pass.closing().isPresent();
    }

    private static List<Companion> lenders(List<UpdateRule> rules, Predicate<Companion> predicate) {
        return rules.stream()
                .filter(Companion.class::isInstance)
                .map(Companion.class::cast)
                .filter(predicate)
                .toList();
    }

    /** What they lend to the step of the rules that they go with. */
    Lent lent() {
        Optional<Function<Parameter, Memory>> updates = Optional.empty();
        Optional<Function<String, Memory>> rates = Optional.empty();
        for (var member : members) {
            if (!(member.rule instanceof Companion companion)) {
                continue;
            }
            var updateSlot = companion.updateSlot();
            if (updateSlot.isPresent()) {
                int slot = updateSlot.getAsInt();
                updates = Optional.of(parameter -> member.execution.memory(parameter, slot));
            }
            var rateSlot = companion.rateSlot();
            if (rateSlot.isPresent()) {
                int slot = rateSlot.getAsInt();
                rates = Optional.of(group -> member.execution.ruleMemory(group, slot));
            }
        }
        return new Lent(updates, rates);
    }

    /** What one of them multiplies a group's learning rate by; waits on a device. */
    double rateFactor(String group) {
        double factor = 1;
        for (var member : members) {
            if (member.rule instanceof Companion companion && companion.rateSlot().isPresent()) {
                int slot = companion.rateSlot().getAsInt();
                factor *= member.execution.ruleState(group, slot).value();
            }
        }
        return factor;
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
                opened.members.add(
                        new Member(
                                rule,
                                backend.open(
                                        plan.accompanying(rule)
                                                .withLent(opened.lent().ofRates()))));
            }
        } catch (RuntimeException | Error e) {
            Cleanup.after(e, opened::close);
            throw e;
        }
        return opened;
    }

    List<UpdateRule> rules() {
        return members.stream().map(Member::rule).toList();
    }

    /** Their rules as they go with a group. */
    List<UpdateRule> rulesFor(String group) {
        return members.stream()
                .map(each -> GroupList.find(plan.accompanying(each.rule).groups(), group).rule())
                .toList();
    }

    /** The executions, in their order. */
    List<Execution> executions() {
        return members.stream().map(Member::execution).toList();
    }

    /** Follows a change of the plan. */
    void configure(StepPlan changed) {
        for (var member : members) {
            member.execution.configure(
                    changed.accompanying(member.rule).withLent(changed.lent().ofRates()));
        }
        plan = changed;
    }

    /** The plan of the companion that has a pass. */
    Optional<StepPlan> planOf(String pass) {
        return find(pass).map(companion -> plan.accompanying(companion.rule));
    }

    /** The execution of the companion that has a pass. */
    Optional<Execution> executionOf(String pass) {
        return find(pass).map(Member::execution);
    }

    private Optional<Member> find(String pass) {
        return members.stream()
                .filter(each -> PhaseSpan.ofPass(each.rule, pass).phases() > 0)
                .findFirst();
    }

    /** A state of a parameter that a companion keeps. */
    Optional<StateTensor> state(String parameter, String slot) {
        return members.stream()
                .flatMap(each -> named(each).findOfParameter(parameter, slot).stream())
                .findFirst();
    }

    /** A state that a companion keeps for a group. */
    Optional<StateTensor> ruleState(String group, String slot) {
        return members.stream()
                .flatMap(each -> named(each).findOfRule(group, slot).stream())
                .findFirst();
    }

    /** The states of all of them. */
    List<NamedStates> named() {
        return members.stream().map(this::named).toList();
    }

    private NamedStates named(Member companion) {
        return new NamedStates(plan.accompanying(companion.rule), companion.execution);
    }

    /** What a checkpoint has of them. */
    List<CompanionStates> states() {
        return members.stream()
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
                members.reversed().stream()
                        .<Runnable>map(each -> each.execution::close)
                        .toArray(Runnable[]::new));
    }
}
