package org.panoptim.cli.run;

import org.panoptim.cli.page.Curve;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.SequencedMap;
import java.util.function.ToDoubleFunction;

/**
 * An optimizer that was trained with, and what came of it.
 *
 * @param entry what the command line calls it
 * @param label of the run that it is of; empty for the run at hand
 * @param ofEngine whether it is one of PyTorch's own
 * @param settings by PyTorch's names
 * @param runs one for each seed, in order; at least one
 */
public record Contender(
        String entry,
        String label,
        boolean ofEngine,
        SequencedMap<String, String> settings,
        List<Run> runs) {

    /** Copies the collections. */
    public Contender {
        settings = Collections.unmodifiableSequencedMap(new LinkedHashMap<>(settings));
        runs = List.copyOf(runs);
        if (runs.isEmpty()) {
            throw new IllegalArgumentException(entry + ": there must be a run at least");
        }
    }

    /** An optimizer of the run at hand. */
    public static Contender of(
            String entry, boolean ofEngine, SequencedMap<String, String> settings, List<Run> runs) {
        return new Contender(entry, "", ofEngine, settings, runs);
    }

    /** The same as one of another run. */
    public Contender labelled(String other) {
        return new Contender(entry, other, ofEngine, settings, runs);
    }

    /** What tells it from all others. */
    public String name() {
        return label.isEmpty() ? entry : "%s [%s]".formatted(entry, label);
    }

    /** The runs that results and curves are of: those that were not stopped, if there are any. */
    List<Run> counted() {
        var ended = runs.stream().filter(run -> run.end() != Run.End.STOPPED).toList();
        return ended.isEmpty() ? runs : ended;
    }

    /** A result over the seeds. */
    public Spread spread(String figure) {
        return spread(run -> run.figure(figure));
    }

    /** What follows from results, over the seeds. */
    public Spread spread(ToDoubleFunction<Run> figure) {
        return Spread.of(counted().stream().mapToDouble(figure));
    }

    /** Whether any of its runs ended so. */
    public boolean has(Run.End end) {
        return runs.stream().anyMatch(run -> run.end() == end);
    }

    /** The name, and how the runs ended that did not end as they should have. */
    public String title() {
        var notes =
                runs.stream()
                        .filter(run -> !run.note().isEmpty())
                        .map(
                                run ->
                                        runs.size() == 1
                                                ? run.note()
                                                : "seed %d: %s".formatted(run.seed(), run.note()))
                        .toList();
        return notes.isEmpty() ? name() : "%s (%s)".formatted(name(), String.join("; ", notes));
    }

    /** What charts show of it: the mean over the seeds, and between which values it lies. */
    public Curve curve() {
        return new Curve(name(), Bands.of(counted().stream().map(Run::samples).toList()));
    }
}
