package org.panoptim.internal.shard;

import org.panoptim.memory.Memory;
import org.panoptim.parameter.Parameter;
import org.panoptim.parameter.ParameterGroup;
import org.panoptim.shard.Team;
import org.panoptim.shard.TeamException;
import org.panoptim.spi.StepPlan;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.function.Function;

/** Finds out whether all members mean the same, before they change anything. */
final class Agreement {

    private static final int HASH_BYTES = 32;

    private Agreement() {}

    /**
     * Compares what members were built with.
     *
     * @param leaves of a step
     * @param backend whose sums are to be exchanged
     * @throws TeamException if a member has something else than the first one; the message says
     *     which member and what
     */
    static void onPlan(Team team, StepPlan plan, int leaves, String backend) {
        var what = List.of("parameters", "groups or rules", "settings of the step", "backend");
        var texts =
                List.of(
                        parameters(plan),
                        rules(plan),
                        leaves
                                + "|"
                                + plan.lossScale()
                                + plan.policy()
                                + plan.clipping()
                                + plan.zeroGradients()
                                + plan.statisticsEvery()
                                + plan.averaging()
                                + plan.flushesStates(),
                        backend);
        try (var arena = Arena.ofShared()) {
            int bytes = what.size() * HASH_BYTES;
            var all = arena.allocate((long) bytes * team.size());
            for (int i = 0; i < what.size(); i++) {
                MemorySegment.copy(
                        MemorySegment.ofArray(hash(texts.get(i))),
                        0,
                        all,
                        (long) team.rank() * bytes + i * HASH_BYTES,
                        HASH_BYTES);
            }
            team.gather(all, equal(team, bytes));
            for (int member = 1; member < team.size(); member++) {
                for (int i = 0; i < what.size(); i++) {
                    var first = all.asSlice(i * HASH_BYTES, HASH_BYTES);
                    var other = all.asSlice((long) member * bytes + i * HASH_BYTES, HASH_BYTES);
                    if (first.mismatch(other) != -1) {
                        throw new TeamException(
                                "member %d has other %s than member 0"
                                        .formatted(member, what.get(i)));
                    }
                }
            }
        }
    }

    /**
     * Compares which parameters have something.
     *
     * @param what what they have, for the message
     * @throws IllegalStateException if members have it of other ones; the message says who and
     *     which
     */
    static void onPresence(
            Team team,
            List<Parameter> parameters,
            Function<Parameter, Optional<Memory>> memory,
            String what) {
        if (parameters.isEmpty()) {
            return;
        }
        var flags = new byte[parameters.size()];
        for (int i = 0; i < flags.length; i++) {
            flags[i] = (byte) (memory.apply(parameters.get(i)).isPresent() ? 1 : 0);
        }
        try (var arena = Arena.ofShared()) {
            var all = arena.allocate((long) flags.length * team.size());
            MemorySegment.copy(
                    MemorySegment.ofArray(flags),
                    0,
                    all,
                    (long) team.rank() * flags.length,
                    flags.length);
            team.gather(all, equal(team, flags.length));
            for (int member = 1; member < team.size(); member++) {
                long found =
                        MemorySegment.mismatch(
                                all,
                                0,
                                flags.length,
                                all,
                                (long) member * flags.length,
                                (member + 1L) * flags.length);
                if (found != -1) {
                    boolean first = all.get(ValueLayout.JAVA_BYTE, found) != 0;
                    throw new IllegalStateException(
                            "parameter '%s' has %s on member %d, but none on member %d; where a part of the net took no part, hand in zeros"
                                    .formatted(
                                            parameters.get((int) found).name(),
                                            what,
                                            first ? 0 : member,
                                            first ? member : 0));
                }
            }
        }
    }

    /**
     * Finds out whether all members have their leaves.
     *
     * @param complete whether this one has
     * @throws IllegalStateException if one has not; the message says who
     */
    static void onLeaves(Team team, boolean complete, int leaves) {
        try (var arena = Arena.ofShared()) {
            var all = arena.allocate(team.size());
            all.set(ValueLayout.JAVA_BYTE, team.rank(), (byte) (complete ? 1 : 0));
            team.gather(all, equal(team, 1));
            for (int member = 0; member < team.size(); member++) {
                if (all.get(ValueLayout.JAVA_BYTE, member) == 0) {
                    throw new IllegalStateException(
                            "member %d has not taken up its %d leaves: accumulate is called after each backward pass"
                                    .formatted(member, leaves));
                }
            }
        }
    }

    /** Waits for all members. */
    static void onArrival(Team team) {
        try (var arena = Arena.ofShared()) {
            team.gather(arena.allocate(team.size()), equal(team, 1));
        }
    }

    private static long[] equal(Team team, long bytes) {
        var all = new long[team.size()];
        Arrays.fill(all, bytes);
        return all;
    }

    private static String parameters(StepPlan plan) {
        var text = new StringBuilder();
        for (var parameter : plan.parameters()) {
            text.append(parameter.name())
                    .append('|')
                    .append(parameter.shape())
                    .append('|')
                    .append(parameter.dtype())
                    .append('|')
                    .append(parameter.outputs().keySet())
                    .append('\n');
        }
        return text.toString();
    }

    private static String rules(StepPlan plan) {
        var text = new StringBuilder();
        for (ParameterGroup group : plan.groups()) {
            text.append(group.name())
                    .append('|')
                    .append(group.rule())
                    .append('|')
                    .append(group.frozen())
                    .append('|')
                    .append(group.parameters().size())
                    .append('\n');
        }
        return text.toString();
    }

    private static byte[] hash(String text) {
        try {
            return MessageDigest.getInstance("SHA-256")
                    .digest(text.getBytes(StandardCharsets.UTF_8));
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every Java has SHA-256", e);
        }
    }
}
