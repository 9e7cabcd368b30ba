package org.panoptim.cli;

import org.panoptim.cli.rules.RuleJson;
import org.panoptim.cli.rules.RuleMarkdown;
import org.panoptim.cli.rules.RuleText;
import org.panoptim.rule.Rules;
import org.panoptim.rule.UpdateRule;

import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.stream.Stream;

/** Prints what rules there are. */
@Command(
        name = "rules",
        description =
                "List the rules and companions: settings with ranges and defaults, states, bytes"
                        + " that a step moves and states keep, passes, sources.",
        mixinStandardHelpOptions = true)
final class RulesCommand implements Callable<Integer> {

    /** Other forms than text. */
    private static final class Form {

        @Option(names = "--json", description = "Write JSON, for programs.")
        private boolean json;

        @Option(names = "--markdown", description = "Write the tables of docs/rules.md.")
        private boolean markdown;
    }

    @Spec private CommandSpec spec = CommandSpec.create();

    @Parameters(
            arity = "0..*",
            paramLabel = "NAME",
            description = "Show these in detail; all of them in short if left out.")
    private List<String> names = new ArrayList<>();

    @ArgGroup private Form form = new Form();

    @Override
    public Integer call() {
        var selection = RuleSelection.of(names);
        var rules = selection.among(Rules.all());
        var companions = selection.among(Rules.companions());
        var out = spec.commandLine().getOut();
        if (form.json) {
            out.println(RuleJson.of(rules, companions, Version.current()));
        } else if (form.markdown) {
            RuleMarkdown.tables(rules, companions).forEach(out::println);
        } else if (names.isEmpty()) {
            RuleText.list(rules, companions).forEach(out::println);
        } else {
            details(Stream.concat(rules.stream(), companions.stream()).toList())
                    .forEach(out::println);
        }
        out.flush();
        return 0;
    }

    /** One after another, with a line between them. */
    private static List<String> details(List<UpdateRule> rules) {
        var lines = new ArrayList<String>();
        for (var rule : rules) {
            if (!lines.isEmpty()) {
                lines.add("");
            }
            lines.addAll(RuleText.detail(rule));
        }
        return lines;
    }
}
