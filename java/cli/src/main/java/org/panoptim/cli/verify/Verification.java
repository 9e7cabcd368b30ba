package org.panoptim.cli.verify;

import org.panoptim.backend.Backend;
import org.panoptim.cli.terminal.Paragraph;
import org.panoptim.cli.terminal.Table;
import org.panoptim.testkit.scenario.BackendUnderTest;
import org.panoptim.testkit.scenario.Comparison;
import org.panoptim.testkit.scenario.Scenario;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.OptionalLong;
import java.util.function.Consumer;

/** Compares candidates with the reference, and says what was compared and what came of it. */
public final class Verification {

    private final BackendUnderTest reference;
    private final List<Candidate> candidates;
    private final List<Scenario> scenarios;
    private final List<Comparison.Result> results = new ArrayList<>();

    /**
     * A comparison that has not begun.
     *
     * @param reference stays the caller's
     * @param candidates stay the caller's
     */
    public Verification(Backend reference, List<Candidate> candidates, List<Scenario> scenarios) {
        this.reference = new BackendUnderTest(reference);
        this.candidates = List.copyOf(candidates);
        this.scenarios = List.copyOf(scenarios);
    }

    /**
     * Runs every scenario on each candidate as it is usually, and in turns on its other
     * configurations.
     *
     * @param beginning is told of each scenario before it runs
     * @param ran is told when it has
     * @param compared is told of each result
     */
    public void run(
            Consumer<Scenario> beginning, Runnable ran, Consumer<Comparison.Result> compared) {
        var rotation = new Rotation(scenarios);
        for (var scenario : scenarios) {
            beginning.accept(scenario);
            var subjects = new ArrayList<BackendUnderTest>();
            for (var candidate : candidates) {
                subjects.add(candidate.usual());
                var others = candidate.othersFor(scenario);
                if (!others.isEmpty()) {
                    subjects.addAll(rotation.turn(scenario, others));
                }
            }
            for (var result : Comparison.of(scenario, reference, subjects)) {
                results.add(result);
                compared.accept(result);
            }
            ran.run();
        }
    }

    /** How many runs were compared with the reference's. */
    public int runs() {
        return results.size();
    }

    /** Runs that differ from the reference's. */
    public List<Comparison.Result> failed() {
        return results.stream().filter(result -> !result.passed()).toList();
    }

    /** A row for each rule and companion that has scenarios, a column for each candidate. */
    public Table table() {
        var titles = new ArrayList<String>(List.of("rule or companion"));
        candidates.forEach(candidate -> titles.add(candidate.name()));
        titles.add("scenarios");
        titles.add("runs");
        var table = new Table(titles.toArray(String[]::new));
        scenarios.stream()
                .map(Scenario::subject)
                .distinct()
                .forEach(subject -> table.row(row(subject)));
        return table;
    }

    private List<String> row(String subject) {
        var row = new ArrayList<String>(List.of(subject));
        var ofSubject = of(subject);
        for (var candidate : candidates) {
            row.add(
                    cell(
                            ofSubject.stream()
                                    .filter(result -> candidate.has(result.backend()))
                                    .toList()));
        }
        row.add(Long.toString(scenarios.stream().filter(each -> is(each, subject)).count()));
        row.add(Integer.toString(ofSubject.size()));
        return row;
    }

    private List<Comparison.Result> of(String subject) {
        return results.stream().filter(result -> is(result.scenario(), subject)).toList();
    }

    private static boolean is(Scenario scenario, String subject) {
        return scenario.subject().equals(subject);
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

    /** What each candidate ran in which configuration, in lines of a width. */
    public List<String> configurations(int width) {
        var lines = new ArrayList<String>();
        for (var candidate : candidates) {
            lines.addAll(
                    Paragraph.ofWords(
                            "", candidate.usual().name() + " ran every scenario.", width));
            var least = least(candidate);
            if (least.isPresent()) {
                lines.addAll(
                        Paragraph.ofWords(
                                "",
                                atLeast(least.getAsLong())
                                        + " of every rule"
                                        + candidate.othersInWords()
                                        + ".",
                                width));
            }
        }
        return lines;
    }

    private static String atLeast(long scenarios) {
        return "At least " + scenarios + (scenarios == 1 ? " scenario" : " scenarios");
    }

    /**
     * How many scenarios each rule and companion ran at least on each other configuration that it
     * can run on; empty if there is none.
     */
    private OptionalLong least(Candidate candidate) {
        var bySubject = new LinkedHashMap<String, Scenario>();
        scenarios.forEach(scenario -> bySubject.putIfAbsent(scenario.subject(), scenario));
        return bySubject.values().stream()
                .flatMap(
                        scenario ->
                                candidate.othersFor(scenario).stream()
                                        .map(other -> runs(scenario.subject(), other)))
                .mapToLong(Long::longValue)
                .min();
    }

    private long runs(String subject, BackendUnderTest backend) {
        return of(subject).stream()
                .filter(result -> result.backend().equals(backend.name()))
                .count();
    }
}
