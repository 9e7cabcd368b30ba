package org.panoptim.cli.run;

import org.panoptim.cli.page.Curve;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.SequencedMap;

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

    /** A result over all seeds. */
    public Spread spread(String figure) {
        return Spread.of(runs.stream().mapToDouble(run -> run.figure(figure)));
    }

    /** Whether any of its runs diverged. */
    public boolean diverged() {
        return ended(Run.End.DIVERGED) > 0;
    }

    private long ended(Run.End end) {
        return runs.stream().filter(run -> run.end() == end).count();
    }

    /** The name, and how the runs ended that did not end as they should have. */
    public String title() {
        long complete = ended(Run.End.COMPLETE);
        if (complete == runs.size()) {
            return name();
        }
        return runs.size() == 1
                ? "%s (%s)".formatted(name(), runs.getFirst().note())
                : "%s (%d of %d seeds complete)".formatted(name(), complete, runs.size());
    }

    /** What charts show of it: the mean over the seeds, and between which values it lies. */
    public Curve curve() {
        return new Curve(name(), Bands.of(runs.stream().map(Run::samples).toList()));
    }
}
