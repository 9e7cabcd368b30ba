package org.panoptim.cli.run;

import org.panoptim.cli.page.Samples;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.SequencedMap;

/**
 * A training with one optimizer from one seed.
 *
 * @param seed what is random followed from it
 * @param end how it ended
 * @param note on the end, in a few words; empty where it is complete
 * @param figures its results, by name
 * @param samples its curves as tables, of the same columns in the same order for every seed
 */
public record Run(
        long seed,
        End end,
        String note,
        SequencedMap<String, Double> figures,
        List<Samples> samples) {

    /** How a training ended. */
    public enum End {
        /** After all steps. */
        COMPLETE,
        /** Before that, since it was told so. */
        STOPPED,
        /** With a loss that is no number, or infinite. */
        DIVERGED,
        /** After all steps, with a larger loss than that of the untrained net. */
        WORSENED
    }

    /** Copies the collections. */
    public Run {
        figures = Collections.unmodifiableSequencedMap(new LinkedHashMap<>(figures));
        samples = List.copyOf(samples);
    }

    /** A result; NaN where there is none of the name. */
    public double figure(String name) {
        return figures.getOrDefault(name, Double.NaN);
    }
}
