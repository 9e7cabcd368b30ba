package org.panoptim.bench.team;

import org.panoptim.bench.result.TeamSpeed;

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

    /** What the exchange and the return take to be in buckets, over all members. */
    static final double BUCKET_BYTES = 32 << 20;

    /** By which members agree that all have come so far, with gradients of the same parameters. */
    static final int AGREEMENTS = 5;

    /** AdamW reads four arrays and writes three. */
    private static final double PASSES_OF_UPDATE = 7;

    /** A copy reads and writes. */
    private static final double COPY = 2;

    /** A sum reads two arrays and writes one. */
    private static final double SUM = 3;

    /** On the machine that was measured. */
    public static PhaseModel ofMachine(TeamSpeed speed) {
        return new PhaseModel(Network.loopback(speed), speed.memory());
    }

    /** What it costs, in seconds by what it is spent on. */
    public Cost cost(long elements, int members) {
        double users = network.users(members);
        double calls = calls(elements);
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

    /** Exchanges, gathers and agreements. */
    public static long calls(long elements) {
        return AGREEMENTS + 2 * (long) Math.ceil(size(elements) / BUCKET_BYTES);
    }

    /** Bytes of AdamW's states that a member has. */
    public static double stateBytes(long elements, int members) {
        return 2 * size(elements) / members;
    }

    /**
     * Bytes that a member reads and writes in memory: it packs its gradients, keeps a part for
     * itself, adds up all members' and divides by their number, updates its part, and copies values
     * into what is gathered and out of it.
     */
    static double memoryBytes(long elements, int members) {
        double size = size(elements);
        double part = size / members;
        double pack = COPY * size + COPY * part;
        double sum = SUM * (members - 1) * part + COPY * part;
        double update = PASSES_OF_UPDATE * part;
        double unpack = COPY * size;
        return pack + sum + update + unpack;
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
