package org.panoptim.cli;

import org.panoptim.Backend;
import org.panoptim.BackendStatus;
import org.panoptim.Backends;
import org.panoptim.cli.verify.Scenarios;
import org.panoptim.cli.verify.Verification;
import org.panoptim.rule.Rules;

import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.concurrent.Callable;

/** Compares the backends that work here with the reference. */
@Command(
        name = "verify",
        description = "Compare every backend that works here with the reference, bit for bit.",
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
        var results = new ArrayList<Verification.Result>();
        new Verification(reference, backends)
                .run(
                        Scenarios.all(),
                        result -> {
                            results.add(result);
                            if (verbose) {
                                out.println(result);
                                out.flush();
                            }
                        });
        var failed = results.stream().filter(result -> !result.passed()).toList();
        out.println(
                "Largest difference from the reference backend, in units in the last place of"
                        + " parameters and states:");
        out.println();
        table(backends, results).lines().forEach(line -> out.println("  " + line));
        out.println();
        backends.forEach(
                backend -> out.println("  " + backend.name() + ": " + backend.description()));
        out.println();
        failed.forEach(result -> out.println("✘ " + result));
        out.println(
                failed.isEmpty()
                        ? "All " + results.size() + " runs have the reference's bits."
                        : failed.size() + " of " + results.size() + " runs differ.");
        out.flush();
        return failed.isEmpty() ? 0 : Failures.CHECK_FAILED;
    }

    private static Table table(List<Backend> backends, List<Verification.Result> results) {
        var titles = new ArrayList<String>(List.of("rule"));
        backends.forEach(backend -> titles.add(backend.name()));
        titles.add("scenarios");
        var table = new Table(titles.toArray(String[]::new));
        for (var rule : Rules.all()) {
            var row = new ArrayList<String>(List.of(rule.name()));
            long scenarios = 0;
            for (var backend : backends) {
                var ofRule =
                        results.stream()
                                .filter(result -> result.scenario().rule().equals(rule.name()))
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

    private static String cell(List<Verification.Result> results) {
        if (results.stream().anyMatch(result -> !result.refusal().isEmpty())) {
            return "refused";
        }
        return results.stream()
                .map(Verification.Result::difference)
                .max(Comparator.comparingLong(difference -> difference.units()))
                .map(difference -> difference.unitsText())
                .orElse("-");
    }
}
