package org.panoptim.bench.report;

import org.panoptim.bench.result.Results;

/** What steps were measured beside as the machine's own limit, in words. */
enum Limit {
    /** That of a processor. */
    LOOP(
            "plain C loop over the same arrays on all processors",
            "Limit / step is the time of the C loop of AdamW by the time of the step: 1 is as fast"
                    + " as the loop. The loop neither clips nor zeroes: clip + step + zero moves 36"
                    + " bytes an element where the loop moves 28, so .78 is its limit. Median, and"
                    + " smallest to largest."),
    /** That of a GPU. */
    COPY(
            "copy within the device's memory that moves as many bytes",
            "Limit / step is the time of a copy within the device's memory by the time of the"
                    + " step: 1 is as fast as the copy, which moves the 28 bytes an element of a"
                    + " step. Clip + step + zero moves 36, so .78 is its limit. Median, and"
                    + " smallest to largest.");

    private final String phrase;
    private final String note;

    Limit(String phrase, String note) {
        this.phrase = phrase;
        this.note = note;
    }

    /** That of results, which are of one backend. */
    static Limit of(Results results) {
        return results.steps().stream().anyMatch(step -> step.backend().startsWith("cuda"))
                ? COPY
                : LOOP;
    }

    /** What it is, to stand behind an article. */
    String phrase() {
        return phrase;
    }

    /** What is said under a table of ratios. */
    String note() {
        return note;
    }
}
