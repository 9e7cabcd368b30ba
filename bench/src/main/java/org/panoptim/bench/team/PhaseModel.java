package org.panoptim.bench.team;

import org.panoptim.bench.result.TeamSpeed;
import org.panoptim.spi.Shares;

/**
 * A model of what a step of a team costs: gradients go to their owners, owners add them and step
 * their part, and values come back. It adds up the time of calls, messages, bytes on the wire and
 * bytes in memory, one after another; what overlaps in truth is faster, and what waits for a
 * processor is slower. All arrays are of floats, and the rule is AdamW.
 *
 * @param network between the members
 * @param memory bytes a second that a machine's memory reads and writes
 */
public record PhaseModel(Network network, double memory) {

    /** By which members agree that all are ready, and that all have come so far. */
    static final int AGREEMENTS = 2;

    /** AdamW reads four arrays and writes three. */
    private static final double PASSES_OF_UPDATE = 7;

    /** On the machine that was measured. */
    public static PhaseModel ofMachine(TeamSpeed speed) {
        return new PhaseModel(Network.loopback(speed), speed.memory());
    }

    /** What it costs, in seconds by what it is spent on. */
    public Cost cost(long elements, int members) {
        double users = network.users(members);
        // Who is alone waits for nobody.
        double calls = members == 1 ? 0 : calls(elements, members);
        return new Cost(
                calls * network.latency(),
                users * calls * (members - 1) * network.message(),
                users * wireBytes(elements, members) / network.bandwidth(),
                users * memoryBytes(elements, members) / memory);
    }

    /** Bytes that a member sends. */
    public static double wireBytes(long elements, int members) {
        return 2.0 * (members - 1) / members * size(elements);
    }

    /** What a member sends another one at a time. */
    static long messageBytes(int members) {
        return Shares.atATime(members) * Float.BYTES;
    }

    /** Buckets of gradients, the values that come back, and agreements. */
    public static long calls(long elements, int members) {
        double part = Math.ceil((double) elements / members) * Float.BYTES;
        return (long) Math.ceil(part / messageBytes(members)) + 1 + AGREEMENTS;
    }

    /** Bytes of AdamW's states that a member has. */
    public static double stateBytes(long elements, int members) {
        return 2 * size(elements) / members;
    }

    /**
     * Bytes that a member reads and writes in memory beside what carries them: it adds up its part
     * of all members' gradients, if there are others, and updates it. Gradients and values go from
     * where they are to where they belong.
     */
    static double memoryBytes(long elements, int members) {
        double part = size(elements) / members;
        double sum = members == 1 ? 0 : (members + 1) * part;
        return sum + PASSES_OF_UPDATE * part;
    }

    private static double size(long elements) {
        return (double) elements * Float.BYTES;
    }

    /**
     * Seconds.
     *
     * @param latency of calls
     * @param messages of messages
     * @param wire of bytes between members
     * @param memory of bytes in memory
     */
    public record Cost(double latency, double messages, double wire, double memory) {

        /** All of it. */
        public double total() {
            return latency + messages + wire + memory;
        }
    }
}
