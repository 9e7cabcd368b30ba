package org.panoptim.cli.verify;

import org.panoptim.cli.terminal.Paragraph;
import org.panoptim.rule.Pass;
import org.panoptim.rule.Rules;
import org.panoptim.rule.UpdateRule;
import org.panoptim.testkit.scenario.RuleVariants;
import org.panoptim.testkit.scenario.Scenario;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Set;
import java.util.stream.Stream;

/** What scenarios cover and what they do not, in words. */
public final class Coverage {

    private Coverage() {}

    /**
     * Lines of a width.
     *
     * @param scenarios those that ran, of every rule at least one
     */
    public static List<String> lines(List<Scenario> scenarios, int width) {
        var lines = new ArrayList<String>();
        lines.add("Besides variants of its settings, every rule ran through:");
        lines.addAll(
                Paragraph.ofWords("  ", String.join("; ", conditions(scenarios)) + ".", width));
        if (scenarios.stream().allMatch(Coverage::isExchanged)) {
            lines.addAll(
                    Paragraph.ofWords(
                            "",
                            "Halfway through each run every backend saved, and went on from what"
                                    + " another one had saved.",
                            width));
        }
        lines.addAll(
                Paragraph.ofWords(
                        "",
                        "Passes beside the step (" + String.join(", ", passes()) + ") did not run.",
                        width));
        return lines;
    }

    private static boolean isExchanged(Scenario scenario) {
        return scenario.actions().stream().anyMatch(Scenario.SaveAndSwap.class::isInstance);
    }

    /**
     * What is special about scenarios that there are of every rule, in their order, other than the
     * rule's settings.
     */
    static List<String> conditions(List<Scenario> scenarios) {
        var byRule = new LinkedHashMap<String, Set<String>>();
        for (var scenario : scenarios) {
            byRule.computeIfAbsent(scenario.rule(), _ -> new HashSet<>()).add(scenario.title());
        }
        byRule.forEach(
                (rule, titles) ->
                        RuleVariants.of(rule).stream()
                                .map(RuleVariants.Variant::title)
                                .forEach(titles::remove));
        return scenarios.stream()
                .map(Scenario::title)
                .distinct()
                .filter(title -> byRule.values().stream().allMatch(each -> each.contains(title)))
                .toList();
    }

    private static List<String> passes() {
        return Stream.concat(Rules.all().stream(), Rules.companions().stream())
                .map(UpdateRule::passes)
                .flatMap(List::stream)
                .map(Pass::name)
                .distinct()
                .toList();
    }
}
