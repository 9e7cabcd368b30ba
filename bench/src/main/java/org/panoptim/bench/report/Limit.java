package org.panoptim.bench.report;

import org.panoptim.bench.result.Results;

/** What steps were compared with as the machine's limit, in words. */
enum Limit {
    /** That of a processor. */
    LOOP(
            "C loop",
            "plain C loop",
            "A C loop over few elements runs on one processor.",
            " over the same arrays on all processors",
            "C loop / step is the time of the C loop of AdamW by the time of the step: 1 is as fast"
                    + " as the loop. The loop neither clips nor zeroes: clip + step + zero moves 36"
                    + " bytes an element where the loop moves 28, so .78 is its limit. Median, and"
                    + " smallest to largest."),
    /** That of a GPU. */
    COPY(
            "Copy",
            "copy within the device's memory",
            "The copy moves as many bytes.",
            " that moves as many bytes",
            "Copy / step is the time of a copy within the device's memory by the time of the"
                    + " step: 1 is as fast as the copy, which moves the 28 bytes an element of a"
                    + " step. Clip + step + zero moves 36, so .78 is its limit. Median, and"
                    + " smallest to largest.");

    private final String word;
    private final String title;
    private final String smallRemark;
    private final String detail;
    private final String note;

    Limit(String word, String title, String smallRemark, String detail, String note) {
        this.word = word;
        this.title = title;
        this.smallRemark = smallRemark;
        this.detail = detail;
        this.note = note;
    }

    /** That of results, which are of one backend. */
    static Limit of(Results results) {
        // Without steps, results that only devices have decide.
        boolean onDevice =
                results.steps().isEmpty()
                        ? !results.kernels().isEmpty() || !results.kfac().isEmpty()
                        : results.steps().stream()
                                .anyMatch(step -> step.backend().startsWith("cuda"));
        return onDevice ? COPY : LOOP;
    }

    /** What it is, in short. */
    String word() {
        return word;
    }

    /** The remark under a chart of its time against the number of elements. */
    String smallRemark() {
        return smallRemark;
    }

    /** What it is called, to stand behind an article. */
    String title() {
        return title;
    }

    /** What it is, to stand behind an article. */
    String phrase() {
        return title + detail;
    }

    /** The remark under a table of ratios. */
    String note() {
        return note;
    }
}
