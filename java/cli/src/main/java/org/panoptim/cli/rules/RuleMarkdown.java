package org.panoptim.cli.rules;

import org.panoptim.rule.Pass;
import org.panoptim.rule.RuleSetting;
import org.panoptim.rule.Slot;
import org.panoptim.rule.UpdateRule;

import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** The tables of docs/rules.md. */
public final class RuleMarkdown {

    private static final String HEAD =
            "| rule | class | settings, by PyTorch's names, with their defaults | states"
                    + " | bytes moved, kept | source of formula and defaults |";

    private static final String COMPANIONS =
            "| companion | class | settings, with their defaults | states"
                    + " | bytes moved by each pass, kept | source of formula and defaults |";

    private static final String BELOW = "|---|---|---|---|---|---|";

    private RuleMarkdown() {}

    /**
     * A table of rules and one of companions, each unless there are none.
     *
     * @param rules those that step
     * @param companions those that have passes alone
     */
    public static List<String> tables(List<UpdateRule> rules, List<UpdateRule> companions) {
        var between = rules.isEmpty() || companions.isEmpty() ? List.<String>of() : List.of("");
        return Stream.of(table(HEAD, rules), between, table(COMPANIONS, companions))
                .flatMap(List::stream)
                .toList();
    }

    private static List<String> table(String head, List<UpdateRule> rules) {
        if (rules.isEmpty()) {
            return List.of();
        }
        return Stream.concat(
                        Stream.of(head, BELOW),
                        rules.stream().map(RuleFacts::new).map(RuleMarkdown::row))
                .toList();
    }

    private static String row(RuleFacts facts) {
        return "| `%s` | `%s` | %s | %s | %s, %d | %s |"
                .formatted(
                        facts.name(),
                        facts.className(),
                        settings(facts),
                        states(facts),
                        moved(facts),
                        facts.stateBytes(),
                        facts.source());
    }

    private static String settings(RuleFacts facts) {
        return facts.settings().isEmpty()
                ? "–"
                : facts.settings().stream()
                        .map(RuleMarkdown::setting)
                        .collect(Collectors.joining(", "));
    }

    private static String setting(RuleSetting setting) {
        return "`" + setting.name() + "` " + value(setting.initial());
    }

    private static String value(Object initial) {
        return switch (initial) {
            case Boolean flag -> flag ? "on" : "off";
            case Double number when number.isInfinite() -> "∞";
            default -> RuleFacts.typed(initial);
        };
    }

    private static String states(RuleFacts facts) {
        return facts.slots().isEmpty()
                ? "–"
                : facts.slots().stream()
                        .map(slot -> state(facts, slot))
                        .collect(Collectors.joining(", "));
    }

    private static String state(RuleFacts facts, Slot slot) {
        var extent = facts.extent(slot);
        return "`" + slot.name() + "`" + (extent.isEmpty() ? "" : " (" + extent + ")");
    }

    private static String moved(RuleFacts facts) {
        var passes =
                facts.passes().stream()
                        .map(pass -> pass(facts, pass))
                        .collect(Collectors.joining(", "));
        if (!facts.hasStep()) {
            return passes;
        }
        return facts.step().bytes() + (passes.isEmpty() ? "" : " (" + passes + ")");
    }

    private static String pass(RuleFacts facts, Pass pass) {
        return "`" + pass.name() + "` " + facts.pass(pass).bytes();
    }
}
