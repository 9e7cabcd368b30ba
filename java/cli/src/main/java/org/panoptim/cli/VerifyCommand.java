package org.panoptim.cli;

import org.panoptim.backend.Backend;
import org.panoptim.backend.BackendStatus;
import org.panoptim.backend.Backends;
import org.panoptim.cli.terminal.Paragraph;
import org.panoptim.cli.terminal.Table;
import org.panoptim.cli.terminal.Terminal;
import org.panoptim.cli.terminal.TerminalBar;
import org.panoptim.cli.verify.Candidate;
import org.panoptim.cli.verify.Coverage;
import org.panoptim.cli.verify.InverseCheck;
import org.panoptim.cli.verify.MatrixCheck;
import org.panoptim.cli.verify.Verification;
import org.panoptim.rule.MatrixRule;
import org.panoptim.rule.Rules;
import org.panoptim.testkit.scenario.BackendUnderTest;
import org.panoptim.testkit.scenario.CompanionScenarios;
import org.panoptim.testkit.scenario.Comparison;
import org.panoptim.testkit.scenario.RuleScenarios;
import org.panoptim.testkit.scenario.Scenario;

import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.stream.Stream;

/** Compares the backends that work here with the reference. */
@Command(
        name = "verify",
        description =
                "Compare every backend that works here with the reference, bit for bit (all NaNs"
                    + " count as one value), SIMD with every instruction set and with one thread"
                    + " and several, devices with captured steps too; rules on matrices within"
                    + " bounds of rounding; and check the certificates of inverses.",
        mixinStandardHelpOptions = true)
final class VerifyCommand implements Callable<Integer> {

    private static final String REFERENCE = "reference";

    @Spec private CommandSpec spec = CommandSpec.create();

    @Option(names = "--backend", paramLabel = "NAME", description = "Compare this backend only.")
    private String name = "";

    @Option(names = "--verbose", description = "Show every scenario as it is done.")
    private boolean verbose;

    @Parameters(
            arity = "0..*",
            paramLabel = "RULE",
            description = "Check these rules and companions; all if left out.")
    private List<String> rules = new ArrayList<>();

    @Override
    public Integer call() {
        var scenarios = scenarios(rules);
        var opened = new ArrayList<Candidate>();
        try (var reference = Backend.named(REFERENCE)) {
            try {
                names().forEach(backend -> opened.add(Candidate.of(BackendOption.open(backend))));
                return opened.isEmpty()
                        ? nothingToCompare()
                        : compare(reference, opened, scenarios);
            } finally {
                opened.forEach(Candidate::close);
            }
        }
    }

    /**
     * Those of rules and companions.
     *
     * @param rules their names; none for all. Rules on matrices have no scenarios
     * @throws InputException if one is none's
     */
    static List<Scenario> scenarios(List<String> rules) {
        var selection = RuleSelection.of(rules);
        return Stream.concat(RuleScenarios.all().stream(), CompanionScenarios.all().stream())
                .filter(scenario -> selection.has(scenario.subject()))
                .toList();
    }

    /** Rules on which backends agree within bounds, and not bit for bit. */
    private static List<MatrixRule> matrixRules(List<String> rules) {
        return RuleSelection.of(rules).among(Rules.all()).stream()
                .filter(MatrixRule.class::isInstance)
                .map(MatrixRule.class::cast)
                .toList();
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

    private int compare(Backend reference, List<Candidate> candidates, List<Scenario> scenarios) {
        var out = spec.commandLine().getOut();
        var verification = new Verification(reference, candidates, scenarios);
        List<MatrixCheck.Result> matrices;
        List<InverseCheck.Result> inverses;
        // With every scenario in a line there is progress enough to be seen.
        var bar = verbose ? TerminalBar.silent() : new TerminalBar(Terminal.find());
        try {
            bar.begin("verify", scenarios.size() + matrixRules(rules).size());
            verification.run(
                    scenario -> bar.message(scenario.subject()),
                    bar::step,
                    verbose ? this::print : _ -> {});
            matrices = matrices(reference, candidates, bar);
            bar.next("inverses");
            inverses = inverses(reference, candidates);
        } finally {
            bar.end();
        }
        if (!scenarios.isEmpty()) {
            title(
                    "Largest difference from the reference backend, in units in the last place of"
                            + " parameters and states (all NaNs count as one value):");
            print(verification.table());
            verification.configurations(Terminal.WIDTH).forEach(out::println);
            out.println();
            Coverage.lines(scenarios, Terminal.WIDTH).forEach(out::println);
            out.println();
        }
        if (!matrices.isEmpty()) {
            title(
                    "Largest difference of a parameter from the reference backend's after a step of"
                            + " length 1 by rules that multiply matrices, on which backends agree"
                            + " within bounds of rounding (%.0e); their states must have the same"
                            + " bits:".formatted(MatrixCheck.allowed()));
            print(tableOfMatrices(matrices));
        }
        title(
                "Largest error of inverses of Kronecker factors, as certified and as found in"
                        + " double:");
        print(table(inverses));
        var failed = verification.failed();
        failed.forEach(result -> out.println("✘ " + result));
        var outOfBounds = matrices.stream().flatMap(each -> each.problems().stream()).toList();
        outOfBounds.forEach(problem -> out.println("✘ " + problem));
        var problems = inverses.stream().flatMap(VerifyCommand::problems).toList();
        problems.forEach(problem -> out.println("✘ " + problem));
        if (!scenarios.isEmpty()) {
            out.println(
                    failed.isEmpty()
                            ? "All " + verification.runs() + " runs have the reference's bits."
                            : failed.size() + " of " + verification.runs() + " runs differ.");
        }
        if (!matrices.isEmpty()) {
            out.println(
                    outOfBounds.isEmpty()
                            ? "Every rule on matrices is within its bounds."
                            : "Rules on matrices are missing, or out of bounds.");
        }
        out.println(
                problems.isEmpty()
                        ? "Every certificate of an inverse holds."
                        : "Inverses are missing, or worse than certified.");
        out.flush();
        boolean passed = failed.isEmpty() && outOfBounds.isEmpty() && problems.isEmpty();
        return passed ? 0 : Failures.CHECK_FAILED;
    }

    /** A table and an empty line. */
    private void print(Table table) {
        var out = spec.commandLine().getOut();
        table.lines().forEach(line -> out.println("  " + line));
        out.println();
    }

    private void print(Comparison.Result result) {
        var out = spec.commandLine().getOut();
        out.println(result);
        out.flush();
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

    private List<MatrixCheck.Result> matrices(
            Backend reference, List<Candidate> candidates, TerminalBar bar) {
        var expected = new BackendUnderTest(reference);
        var results = new ArrayList<MatrixCheck.Result>();
        for (var rule : matrixRules(rules)) {
            bar.message(rule.name());
            for (var candidate : candidates) {
                results.add(MatrixCheck.of(rule, expected, candidate.name(), candidate.all()));
            }
            bar.step();
        }
        return results;
    }

    private static Table tableOfMatrices(List<MatrixCheck.Result> matrices) {
        var table = new Table("backend", "rule", "difference");
        for (var result : matrices) {
            var difference =
                    result.refusal().isEmpty() ? "%.1e".formatted(result.difference()) : "refused";
            table.row(List.of(result.backend(), result.rule(), difference));
        }
        return table;
    }

    private static List<InverseCheck.Result> inverses(
            Backend reference, List<Candidate> candidates) {
        var results = new ArrayList<InverseCheck.Result>();
        if (candidates.stream().noneMatch(candidate -> candidate.name().equals(REFERENCE))) {
            results.add(InverseCheck.of(REFERENCE, List.of(new BackendUnderTest(reference))));
        }
        candidates.forEach(
                candidate -> results.add(InverseCheck.of(candidate.name(), candidate.ofEngines())));
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
}
