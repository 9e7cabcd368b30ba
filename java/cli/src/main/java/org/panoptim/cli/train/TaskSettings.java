package org.panoptim.cli.train;

import org.panoptim.cli.terminal.NearNames;
import org.panoptim.rule.Rules;
import org.panoptim.rule.UpdateRule;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SequencedMap;

/**
 * Settings with which rules do well on a task, where their defaults do not.
 *
 * @param entries by the rule's name, in the form of {@link OptimizerEntry}
 */
public record TaskSettings(SequencedMap<String, OptimizerEntry> entries) {

    /** Copies the map. */
    public TaskSettings {
        entries = Collections.unmodifiableSequencedMap(new LinkedHashMap<>(entries));
    }

    /** The settings of entries, which name each rule once. */
    public static TaskSettings of(String... texts) {
        var entries = new LinkedHashMap<String, OptimizerEntry>();
        for (var text : texts) {
            var entry = OptimizerEntry.parse(text);
            entries.put(entry.name(), entry);
        }
        return new TaskSettings(entries);
    }

    /** A rule with its settings for the task. */
    public UpdateRule applyTo(UpdateRule rule) {
        var entry = entries.get(rule.name());
        return Rules.with(rule, entry == null ? Map.of() : entry.optimizer().settings());
    }

    /** What is said of a name that a task has no optimizer of. */
    public static IllegalArgumentException unknown(String name, String task, List<String> names) {
        var near = NearNames.of(name, names);
        var known = Rules.all().stream().map(UpdateRule::name).anyMatch(name::equals);
        return new IllegalArgumentException(
                "there is no optimizer '%s' for %s%s; there are %s"
                        .formatted(
                                name,
                                task,
                                known
                                        ? ", which estimates no curvature for it"
                                        : near.isEmpty()
                                                ? ""
                                                : " (near it: " + String.join(", ", near) + ")",
                                String.join(", ", names)));
    }
}
