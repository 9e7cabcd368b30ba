package org.panoptim.testkit.scenario;

import org.panoptim.spi.UnsupportedPlanException;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * Runs a scenario on several backends side by side, and compares each with the reference after
 * every action.
 */
public final class Comparison {

    /**
     * The result of a scenario on a backend.
     *
     * @param backend its name
     * @param difference the largest difference from the reference
     * @param first when the first difference showed; empty if none did
     * @param refusal why the backend could not run it; empty if it could
     */
    public record Result(
            Scenario scenario,
            String backend,
            Difference difference,
            String first,
            String refusal) {

        /** Whether all bits were equal at all times. */
        public boolean passed() {
            return difference.isNone() && refusal.isEmpty();
        }

        @Override
        public String toString() {
            var outcome = refusal.isEmpty() ? difference.toString() : refusal;
            var since = first.isEmpty() ? "" : ", different since " + first;
            return scenario + ", on " + backend + ": " + outcome + since;
        }
    }

    /** A backend's run, unless it refused the scenario, and its differences so far. */
    private static final class Candidate {
        private final BackendUnderTest subject;
        private Optional<ScenarioRun> run = Optional.empty();
        private Difference largest = Difference.NONE;
        private String first = "";
        private String refusal = "";

        Candidate(BackendUnderTest subject) {
            this.subject = subject;
        }

        void attempt(Runnable work) {
            try {
                work.run();
            } catch (UnsupportedPlanException e) {
                refusal = String.valueOf(e.getMessage());
                run.ifPresent(ScenarioRun::close);
                run = Optional.empty();
            }
        }

        void compare(Snapshot expected, String when) {
            run.ifPresent(
                    open -> {
                        var difference = open.snapshot().differenceFrom(expected);
                        if (largest.isNone() && !difference.isNone()) {
                            first = when;
                        }
                        largest = largest.orLarger(difference);
                    });
        }
    }

    /** Numbers of one action, made once for all runs. */
    private static final class SharedNumbers {
        private record Key(Values values, int elements) {}

        private final Map<Key, float[]> made = new HashMap<>();

        float[] get(Values values, int elements) {
            return made.computeIfAbsent(
                    new Key(values, elements), key -> key.values().floats(key.elements()));
        }
    }

    private final Scenario scenario;
    private final SharedNumbers numbers;
    private final ScenarioRun reference;
    private final List<Candidate> candidates;

    private Comparison(
            Scenario scenario,
            SharedNumbers numbers,
            ScenarioRun reference,
            List<BackendUnderTest> others) {
        this.scenario = scenario;
        this.numbers = numbers;
        this.reference = reference;
        candidates = others.stream().map(Candidate::new).toList();
    }

    /**
     * Runs the scenario.
     *
     * @param reference what the others are compared with
     * @return one result for each of the others, in order
     * @throws UnsupportedPlanException if the reference cannot run it
     */
    public static List<Result> of(
            Scenario scenario, BackendUnderTest reference, List<BackendUnderTest> others) {
        var numbers = new SharedNumbers();
        try (var run = new ScenarioRun(scenario, reference, numbers::get)) {
            return new Comparison(scenario, numbers, run, others).results();
        }
    }

    private List<Result> results() {
        try {
            for (var candidate : candidates) {
                candidate.attempt(
                        () ->
                                candidate.run =
                                        Optional.of(
                                                new ScenarioRun(
                                                        scenario,
                                                        candidate.subject,
                                                        numbers::get)));
            }
            compare("the start");
            for (int i = 0; i < scenario.actions().size(); i++) {
                var action = scenario.actions().get(i);
                if (action instanceof Scenario.SaveAndSwap) {
                    saveAndSwap();
                } else {
                    reference.apply(action);
                    for (var candidate : candidates) {
                        candidate.attempt(() -> candidate.run.ifPresent(run -> run.apply(action)));
                    }
                }
                compare("action " + (i + 1) + ", " + action);
            }
            return candidates.stream()
                    .map(
                            candidate ->
                                    new Result(
                                            scenario,
                                            candidate.subject.name(),
                                            candidate.largest,
                                            candidate.first,
                                            candidate.refusal))
                    .toList();
        } finally {
            candidates.forEach(candidate -> candidate.run.ifPresent(ScenarioRun::close));
        }
    }

    private void compare(String when) {
        numbers.made.clear();
        var expected = reference.snapshot();
        candidates.forEach(candidate -> candidate.compare(expected, when));
    }

    /** All save; each goes on with the file of the next one. */
    private void saveAndSwap() {
        var runs =
                Stream.concat(
                                Stream.of(reference),
                                candidates.stream().flatMap(candidate -> candidate.run.stream()))
                        .toList();
        try {
            var folder = Files.createTempDirectory("panoptim-scenario");
            var files = new ArrayList<Path>();
            try {
                for (var run : runs) {
                    files.add(folder.resolve(files.size() + ".safetensors"));
                    run.save(files.getLast());
                }
                for (int i = 0; i < runs.size(); i++) {
                    runs.get(i).restart(files.get((i + 1) % files.size()));
                }
            } finally {
                for (var file : files) {
                    Files.deleteIfExists(file);
                }
                Files.delete(folder);
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
