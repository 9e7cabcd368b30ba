package org.panoptim;

import org.jspecify.annotations.Nullable;
import org.panoptim.parameter.Parameter;
import org.panoptim.parameter.ParameterGroup;
import org.panoptim.rule.Pass;
import org.panoptim.rule.UpdateRule;
import org.panoptim.spi.StepPlan;

import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** The named passes that an optimizer has, and which one is open. */
final class Passes {

    private final Map<String, Pass> byName = new LinkedHashMap<>();
    private @Nullable Pass open;

    /**
     * Collects those of groups and companions.
     *
     * @throws IllegalArgumentException if a companion has a pass of the name of another's, or
     *     groups have two of one name that another pass closes, or that differ in when they are
     *     run, or in what they read or write
     */
    Passes(List<ParameterGroup> groups, List<UpdateRule> companions) {
        for (var group : groups) {
            group.rule().passes().forEach(pass -> add(pass, group.rule()));
        }
        for (var companion : companions) {
            for (var pass : companion.passes()) {
                if (byName.putIfAbsent(pass.name(), pass) != null) {
                    throw new IllegalArgumentException(
                            "companion %s has a pass '%s', and so has another rule of the optimizer"
                                    .formatted(companion.name(), pass.name()));
                }
            }
        }
    }

    private void add(Pass pass, UpdateRule rule) {
        var other = byName.putIfAbsent(pass.name(), pass);
        if (other == null) {
            return;
        }
        if (!other.closing().equals(pass.closing())) {
            throw new IllegalArgumentException(
                    "rule %s has a pass '%s' that another pass closes, or closes none, than in another group"
                            .formatted(rule.name(), pass.name()));
        }
        if (other.timing() != pass.timing()
                || other.writes() != pass.writes()
                || other.readsAverages() != pass.readsAverages()) {
            throw new IllegalArgumentException(
                    "rule %s has a pass '%s' that is run at another time or reads or writes something else than in another group"
                            .formatted(rule.name(), pass.name()));
        }
    }

    /** All passes, those of groups first. */
    Collection<Pass> all() {
        return byName.values();
    }

    /**
     * Whether one that is run when it is named goes over all parameters: it may be named between a
     * backward pass and the step.
     */
    boolean hasRequestedOverAll() {
        return byName.values().stream()
                .anyMatch(pass -> pass.timing() == Pass.Timing.REQUESTED && pass.everyParameter());
    }

    /**
     * The pass of a name.
     *
     * @throws IllegalArgumentException if there is none of the name; the message lists the names
     */
    Pass require(String name) {
        var pass = byName.get(name);
        if (pass == null) {
            throw new IllegalArgumentException(
                    "there is no pass '%s'; %s"
                            .formatted(
                                    name,
                                    byName.isEmpty()
                                            ? "no rule of the optimizer has passes"
                                            : "the passes are "
                                                    + String.join(", ", byName.keySet())));
        }
        return pass;
    }

    /**
     * Checks that it is a pass's turn.
     *
     * @throws IllegalStateException if it opens something while something is open, or closes what
     *     is not
     */
    void requireTurn(String name) {
        var opening = new ArrayList<String>();
        for (var pass : byName.values()) {
            if (pass.closing().filter(name::equals).isPresent()) {
                opening.add(pass.name());
            }
        }
        boolean closes = open != null && opening.contains(open.name());
        if (!opening.isEmpty() && !closes) {
            throw new IllegalStateException(
                    "pass '%s' undoes what pass '%s' did, which was not run before it"
                            .formatted(name, String.join("' or '", opening)));
        }
        if (!closes) {
            requireNoneOpen("pass '" + name + "' cannot be run");
        }
    }

    /**
     * Checks that a pass that reads averages finds one.
     *
     * @param plan of the rules whose pass it is
     * @throws IllegalStateException if no parameter that it would go over has an average
     */
    static void requireAverages(Pass pass, StepPlan plan) {
        if (!pass.readsAverages()) {
            return;
        }
        for (var group : plan.groups()) {
            if (!group.frozen() && group.parameters().stream().anyMatch(Passes::hasAverage)) {
                return;
            }
        }
        throw new IllegalStateException(
                "pass '%s' reads moving averages, and no parameter of a group that is not frozen has one; give the parameters some with Parameter.averagedIn before they are added to the optimizer"
                        .formatted(pass.name()));
    }

    private static boolean hasAverage(Parameter parameter) {
        return parameter.average().isPresent();
    }

    /**
     * Checks that every pass that opens something was closed.
     *
     * @param what what cannot be done otherwise, as a clause
     * @throws IllegalStateException if one was not
     */
    void requireNoneOpen(String what) {
        if (open != null) {
            throw new IllegalStateException(
                    "%s between pass '%s' and pass '%s'; run that first"
                            .formatted(what, open.name(), open.closing().orElseThrow()));
        }
    }

    boolean isOpen() {
        return open != null;
    }

    /** The pass that is open, if one is. */
    Optional<Pass> open() {
        return Optional.ofNullable(open);
    }

    /** Notes that a pass was run whose turn it was. */
    void ran(String name) {
        var pass = byName.get(name);
        boolean opens = pass != null && pass.closing().isPresent();
        if (opens) {
            open = pass;
        } else if (open != null && open.closing().orElseThrow().equals(name)) {
            open = null;
        }
    }
}
