package org.panoptim.bench.result;

import java.util.Arrays;

/**
 * A step of a team of processes on one machine, and PyTorch's with as many processes, in turn.
 *
 * @param workload the tensors, by the name of a {@link org.panoptim.bench.Workload}
 * @param backend where each member stepped its part
 * @param members how many processes
 * @param threads of each
 * @param elements of all tensors
 * @param seconds from the moment when all members were ready until the last one had taken the step,
 *     for each round
 * @param sent bytes that a member sent to others in a step, as it counted them; the most of all
 *     members
 * @param calls exchanges and gathers of a step
 * @param loopback bytes that the system counted on the loopback interface in a step, by the number
 *     of members, for each round; none where it does not tell
 * @param states bytes of states that a member had; the most of all members
 * @param peer PyTorch in words; empty if it was not measured
 * @param peerSeconds as {@code seconds}
 * @param peerLoopback as {@code loopback}
 * @param peerStates as {@code states}
 */
public record TeamTimes(
        String workload,
        String backend,
        int members,
        int threads,
        long elements,
        double[] seconds,
        long sent,
        int calls,
        double[] loopback,
        long states,
        String peer,
        double[] peerSeconds,
        double[] peerLoopback,
        long peerStates) {

    /** Whether PyTorch was measured. */
    public boolean hasPeer() {
        return peerSeconds.length > 0;
    }

    /** How many times as long PyTorch took. */
    public Spread advantage() {
        var ratios = new double[seconds.length];
        Arrays.setAll(ratios, i -> peerSeconds[i] / seconds[i]);
        return Spread.of(ratios);
    }

    /**
     * What each member has to send at least if gradients are summed by their owners and parameters
     * returned by them: 2 (W - 1) / W times the size.
     */
    public double leastBytes() {
        return 2.0 * (members - 1) / members * elements * Float.BYTES;
    }

    /** What a member sent by the least; of a team of one, which sends nothing, not a number. */
    public double sentShare() {
        return sent / leastBytes();
    }

    /** What a member has of the states of AdamW, which are two floats for each element. */
    public double stateShare() {
        return states / (2.0 * elements * Float.BYTES);
    }
}
