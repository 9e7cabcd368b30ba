package org.panoptim.bench.result;

import java.util.List;

/**
 * What a machine takes for raw exchanges between processes on it, and the constants that fit these
 * best: an exchange of b bytes with each of the other W - 1 members, by all at once, takes {@code
 * latency + W (W - 1) (message + b / bandwidth)}, since all share the machine.
 *
 * @param processors of the machine
 * @param memory bytes a second that copies in memory read and write, all processors together
 * @param latency seconds of an exchange of nothing
 * @param message seconds that each message adds
 * @param bandwidth bytes a second of all members together
 * @param exchanges what was measured
 */
public record TeamSpeed(
        int processors,
        double memory,
        double latency,
        double message,
        double bandwidth,
        List<Exchange> exchanges) {

    /** Copies the list. */
    public TeamSpeed {
        exchanges = List.copyOf(exchanges);
    }

    /**
     * Whether messages can be told from calls, which takes teams of several sizes; else the cost of
     * a larger team's messages is not known.
     */
    public boolean tellsMessages() {
        return exchanges.stream().mapToInt(Exchange::members).distinct().count() > 1;
    }

    /**
     * An exchange.
     *
     * @param members how many processes
     * @param bytes that each sent to each other one
     * @param seconds from the moment when all were ready until the last one was done, for each
     *     repetition
     */
    public record Exchange(int members, long bytes, double[] seconds) {

        /** Messages of all members. */
        public int messages() {
            return members * (members - 1);
        }

        /** The middle of the repetitions. */
        public double median() {
            return Spread.of(seconds).median();
        }
    }
}
