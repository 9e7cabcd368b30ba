package org.panoptim.cli;

import org.panoptim.cli.terminal.NearNames;
import org.panoptim.rule.Rules;
import org.panoptim.rule.UpdateRule;

import java.util.List;
import java.util.stream.Stream;

/**
 * The rules and companions that a command is about.
 *
 * @param names theirs; empty for all there are
 */
record RuleSelection(List<String> names) {

    /**
     * Those that were named.
     *
     * @param names of rules and companions; none for all
     * @throws InputException if one is none's
     */
    static RuleSelection of(List<String> names) {
        var all = all().map(UpdateRule::name).toList();
        for (var name : names) {
            if (!all.contains(name)) {
                var near = NearNames.of(name, all);
                throw new InputException(
                        "there is no rule '%s'; %s"
                                .formatted(
                                        name,
                                        near.isEmpty()
                                                ? "'panoptim rules' lists all there are"
                                                : "near it are " + String.join(", ", near)));
            }
        }
        return new RuleSelection(List.copyOf(names));
    }

    private static Stream<UpdateRule> all() {
        return Stream.concat(Rules.all().stream(), Rules.companions().stream());
    }

    boolean has(String name) {
        return names.isEmpty() || names.contains(name);
    }

    /** Those of some that are selected, in their order. */
    List<UpdateRule> among(List<UpdateRule> rules) {
        return rules.stream().filter(rule -> has(rule.name())).toList();
    }
}
