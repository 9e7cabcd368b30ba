package org.panoptim.cli.run;

import java.time.LocalDateTime;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.SequencedMap;
import java.util.stream.Stream;

/**
 * One call of {@code panoptim train}: what was trained, how and where, and what came of it.
 *
 * @param label that tells it from the run at hand; empty for that
 * @param task its name
 * @param began when, in this machine's time
 * @param origin what it ran on and by
 * @param options what holds for all contenders, by the name of the option
 * @param contenders the optimizers that were begun, in order
 */
public record RunRecord(
        String label,
        String task,
        LocalDateTime began,
        Origin origin,
        SequencedMap<String, String> options,
        List<Contender> contenders) {

    /**
     * What a training ran on and by.
     *
     * @param version Panoptim's
     * @param command the command line that leads here again
     * @param backend the backend in words
     * @param processor of the machine
     * @param system the operating system
     * @param java the Java runtime
     */
    public record Origin(
            String version,
            String command,
            String backend,
            String processor,
            String system,
            String java) {}

    /** The run at hand. */
    public static RunRecord of(
            String task,
            LocalDateTime began,
            Origin origin,
            SequencedMap<String, String> options,
            List<Contender> contenders) {
        return new RunRecord("", task, began, origin, options, contenders);
    }

    /** Copies the collections. */
    public RunRecord {
        options = Collections.unmodifiableSequencedMap(new LinkedHashMap<>(options));
        contenders = List.copyOf(contenders);
    }

    /** The same with contenders that are told from those of the run at hand. */
    public RunRecord labelled(String other) {
        return new RunRecord(
                other,
                task,
                began,
                origin,
                options,
                contenders.stream().map(each -> each.labelled(other)).toList());
    }

    /** The contenders of this and of others, in order. */
    public List<Contender> contendersWith(List<RunRecord> others) {
        return Stream.concat(Stream.of(this), others.stream())
                .flatMap(each -> each.contenders().stream())
                .toList();
    }

    /** How many runs came to an end by themselves. */
    public long ended() {
        return contenders.stream()
                .flatMap(each -> each.runs().stream())
                .filter(each -> each.end() != Run.End.STOPPED)
                .count();
    }
}
