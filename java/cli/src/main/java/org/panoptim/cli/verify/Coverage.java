package org.panoptim.cli.verify;

import org.panoptim.cli.terminal.Paragraph;
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
     * @param scenarios those that ran, at least one
     */
    public static List<String> lines(List<Scenario> scenarios, int width) {
        var lines = new ArrayList<String>();
        var rules = subjects(scenarios.stream().filter(Coverage::isOfRule));
        if (!rules.isEmpty()) {
            lines.addAll(
                    Paragraph.ofWords(
                            "",
                            "Besides variants of its settings, "
                                    + named(rules, Rules.exact(), everyRule())
                                    + " ran through:",
                            width));
            lines.addAll(
                    Paragraph.ofWords("  ", String.join("; ", conditions(scenarios)) + ".", width));
        }
        var companions = subjects(ofCompanions(scenarios));
        if (!companions.isEmpty()) {
            lines.addAll(
                    Paragraph.ofWords(
                            "",
                            named(companions, Rules.companions(), "Every companion")
                                    + " ran beside "
                                    + String.join(", ", besides(scenarios))
                                    + ": "
                                    + String.join("; ", companionConditions(scenarios))
                                    + ".",
                            width));
        }
        if (scenarios.stream().allMatch(Coverage::isExchanged)) {
            lines.addAll(
                    Paragraph.ofWords(
                            "",
                            "Halfway through each run every backend saved, and went on from what"
                                    + " another one had saved.",
                            width));
        }
        var passes = passes(scenarios);
        if (!passes.isEmpty()) {
            lines.addAll(
                    Paragraph.ofWords(
                            "",
                            "Before every other step ran the passes "
                                    + String.join(", ", passes)
                                    + ".",
                            width));
        }
        return lines;
    }

    private static boolean isOfRule(Scenario scenario) {
        return scenario.companions().isEmpty();
    }

    private static Stream<Scenario> ofCompanions(List<Scenario> scenarios) {
        return scenarios.stream().filter(scenario -> !isOfRule(scenario));
    }

    private static String everyRule() {
        var others = new ArrayList<>(Rules.all());
        others.removeAll(Rules.exact());
        return others.isEmpty()
                ? "every rule"
                : "every rule but "
                        + String.join(", ", others.stream().map(UpdateRule::name).toList());
    }

    private static String named(List<String> names, List<UpdateRule> all, String every) {
        return names.size() == all.size() ? every : String.join(", ", names);
    }

    private static List<String> subjects(Stream<Scenario> scenarios) {
        return scenarios.map(Scenario::subject).distinct().toList();
    }

    private static List<String> besides(List<Scenario> scenarios) {
        return ofCompanions(scenarios).map(Scenario::rule).distinct().toList();
    }

    private static List<String> companionConditions(List<Scenario> scenarios) {
        return ofCompanions(scenarios).map(Scenario::title).distinct().toList();
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
            if (!isOfRule(scenario)) {
                continue;
            }
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

    private static List<String> passes(List<Scenario> scenarios) {
        return scenarios.stream()
                .flatMap(scenario -> scenario.actions().stream())
                .filter(Scenario.Passes.class::isInstance)
                .map(Scenario.Passes.class::cast)
                .flatMap(ran -> Stream.concat(Stream.of(ran.name()), ran.closing().stream()))
                .distinct()
                .toList();
    }
}
