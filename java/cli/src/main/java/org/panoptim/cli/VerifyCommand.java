package org.panoptim.cli;

import org.panoptim.backend.Backend;
import org.panoptim.backend.BackendStatus;
import org.panoptim.backend.Backends;
import org.panoptim.cli.terminal.Paragraph;
import org.panoptim.cli.terminal.Table;
import org.panoptim.cli.terminal.Terminal;
import org.panoptim.cli.verify.Coverage;
import org.panoptim.cli.verify.InverseCheck;
import org.panoptim.rule.Rules;
import org.panoptim.testkit.scenario.BackendUnderTest;
import org.panoptim.testkit.scenario.CompanionScenarios;
import org.panoptim.testkit.scenario.Comparison;
import org.panoptim.testkit.scenario.RuleScenarios;

import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.stream.Stream;

/** Compares the backends that work here with the reference. */
@Command(
        name = "verify",
        description =
                "Compare every backend that works here with the reference, bit for bit (all NaNs"
                        + " count as one value), and check the certificates of inverses.",
        mixinStandardHelpOptions = true)
final class VerifyCommand implements Callable<Integer> {

    private static final String REFERENCE = "reference";

    @Spec private CommandSpec spec = CommandSpec.create();

    @Option(names = "--backend", paramLabel = "NAME", description = "Compare this backend only.")
    private String name = "";

    @Option(names = "--verbose", description = "Show every scenario as it is done.")
    private boolean verbose;

    @Override
    public Integer call() {
        var opened = new ArrayList<Backend>();
        try (var reference = Backend.named(REFERENCE)) {
            try {
                names().forEach(backend -> opened.add(BackendOption.open(backend)));
                return opened.isEmpty() ? nothingToCompare() : compare(reference, opened);
            } finally {
                opened.forEach(Backend::close);
            }
        }
    }

    private List<String> names() {
        if (!name.isEmpty()) {
            return List.of(name);
        }
        return Backends.explain().stream()
                .filter(BackendStatus::available)
                .map(BackendStatus::name)
                .filter(backend -> !backend.equals(REFERENCE))
                .toList();
    }

    private int nothingToCompare() {
        spec.commandLine()
                .getErr()
                .println(
                        "panoptim verify: only the reference backend works here, so nothing was"
                                + " compared; 'panoptim doctor' says why");
        return Failures.CHECK_FAILED;
    }

    private int compare(Backend reference, List<Backend> backends) {
        var out = spec.commandLine().getOut();
        var results = new ArrayList<Comparison.Result>();
        var others = backends.stream().map(BackendUnderTest::new).toList();
        var scenarios =
                Stream.concat(RuleScenarios.all().stream(), CompanionScenarios.all().stream())
                        .toList();
        for (var scenario : scenarios) {
            for (var result : Comparison.of(scenario, new BackendUnderTest(reference), others)) {
                results.add(result);
                if (verbose) {
                    out.println(result);
                    out.flush();
                }
            }
        }
        var failed = results.stream().filter(result -> !result.passed()).toList();
        title(
                "Largest difference from the reference backend, in units in the last place of"
                        + " parameters and states (all NaNs count as one value):");
        table(backends, results).lines().forEach(line -> out.println("  " + line));
        out.println();
        Coverage.lines(scenarios, Terminal.WIDTH).forEach(out::println);
        out.println();
        var inverses = inverses(reference, backends);
        title(
                "Largest error of inverses of Kronecker factors, as certified and as found in"
                        + " double:");
        table(inverses).lines().forEach(line -> out.println("  " + line));
        out.println();
        backends.forEach(
                backend -> out.println("  " + backend.name() + ": " + backend.description()));
        out.println();
        failed.forEach(result -> out.println("✘ " + result));
        var problems = inverses.stream().flatMap(VerifyCommand::problems).toList();
        problems.forEach(problem -> out.println("✘ " + problem));
        out.println(
                failed.isEmpty()
                        ? "All " + results.size() + " runs have the reference's bits."
                        : failed.size() + " of " + results.size() + " runs differ.");
        out.println(
                problems.isEmpty()
                        ? "Every certificate of an inverse holds."
                        : "Inverses are missing, or worse than certified.");
        out.flush();
        return failed.isEmpty() && problems.isEmpty() ? 0 : Failures.CHECK_FAILED;
    }

    /** A paragraph and an empty line. */
    private void title(String text) {
        var out = spec.commandLine().getOut();
        Paragraph.ofWords("", text, Terminal.WIDTH).forEach(out::println);
        out.println();
    }

    private static Stream<String> problems(InverseCheck.Result result) {
        return result.refusal().isEmpty()
                ? result.wrong().stream()
                : Stream.of("no Kronecker factors: " + result.refusal());
    }

    private static List<InverseCheck.Result> inverses(Backend reference, List<Backend> backends) {
        var results = new ArrayList<InverseCheck.Result>();
        if (backends.stream().noneMatch(backend -> backend.name().equals(REFERENCE))) {
            results.add(InverseCheck.of(reference));
        }
        backends.forEach(backend -> results.add(InverseCheck.of(backend)));
        return results;
    }

    private static Table table(List<InverseCheck.Result> inverses) {
        var table = new Table("backend", "certified", "in double", "factors");
        for (var result : inverses) {
            boolean refused = !result.refusal().isEmpty();
            table.row(
                    List.of(
                            result.backend(),
                            refused ? "refused" : "%.1e".formatted(result.certified()),
                            refused ? "-" : "%.1e".formatted(result.inDouble()),
                            Integer.toString(result.factors())));
        }
        return table;
    }

    private static Table table(List<Backend> backends, List<Comparison.Result> results) {
        var titles = new ArrayList<String>(List.of("rule or companion"));
        backends.forEach(backend -> titles.add(backend.name()));
        titles.add("scenarios");
        var table = new Table(titles.toArray(String[]::new));
        var rules = Stream.concat(Rules.all().stream(), Rules.companions().stream()).toList();
        for (var rule : rules) {
            var row = new ArrayList<String>(List.of(rule.name()));
            long scenarios = 0;
            for (var backend : backends) {
                var ofRule =
                        results.stream()
                                .filter(result -> result.scenario().subject().equals(rule.name()))
                                .filter(result -> result.backend().equals(backend.name()))
                                .toList();
                row.add(cell(ofRule));
                scenarios = ofRule.size();
            }
            row.add(Long.toString(scenarios));
            table.row(row);
        }
        return table;
    }

    private static String cell(List<Comparison.Result> results) {
        if (results.stream().anyMatch(result -> !result.refusal().isEmpty())) {
            return "refused";
        }
        return results.stream()
                .map(Comparison.Result::difference)
                .max(Comparator.comparingLong(difference -> difference.units()))
                .map(difference -> difference.unitsText())
                .orElse("-");
    }
}
