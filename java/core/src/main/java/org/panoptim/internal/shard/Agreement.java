package org.panoptim.internal.shard;

import org.panoptim.parameter.Parameter;
import org.panoptim.parameter.ParameterGroup;
import org.panoptim.shard.Team;
import org.panoptim.shard.TeamException;
import org.panoptim.spi.CurvatureTransform;
import org.panoptim.spi.StepPlan;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Arrays;
import java.util.List;
import java.util.function.Predicate;

/** Finds out whether all members mean the same, before they change anything. */
final class Agreement {

    private static final int HASH_BYTES = 32;

    /** What a member says before a step: whether it has its leaves, then its groups, then flags. */
    private static final int LEAVES = 0;

    private static final int GROUPS = 1;
    private static final int GRADIENTS = GROUPS + HASH_BYTES;

    /** How it is with a member's leaves when it wants to step. */
    enum Leaves {
        COMPLETE,
        MISSING,

        /** Curvature came after they were taken up. */
        LATE
    }

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
        var what =
                List.of(
                        "parameters",
                        "groups or rules",
                        "settings of the step",
                        "settings of a transform of gradients",
                        "backend");
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
                        plan.curvature().map(CurvatureTransform::settings).orElse("none"),
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
     * Finds out whether all members are ready for the same step: have their leaves, the same
     * groups, and gradients and curvature of the same parameters; and the same parameters, where
     * that is asked for.
     *
     * @param hasCurvature whether this one has a parameter's
     * @param own this one's leaves
     * @param count of leaves that a member has
     * @param checksums of the parameters' values, in their order; none where they are not compared
     * @throws IllegalStateException if not; the same on all members, and the message says who
     */
    static void onStep(
            Team team,
            StepPlan plan,
            Predicate<Parameter> hasCurvature,
            Leaves own,
            int count,
            int[] checksums) {
        var parameters = plan.parameters();
        int flags = GRADIENTS + 2 * parameters.size();
        int bytes = flags + Integer.BYTES * checksums.length;
        try (var arena = Arena.ofShared()) {
            var all = arena.allocate((long) bytes * team.size());
            var word = all.asSlice((long) team.rank() * bytes, bytes);
            word.set(ValueLayout.JAVA_BYTE, LEAVES, (byte) own.ordinal());
            word.asSlice(GROUPS).copyFrom(MemorySegment.ofArray(hash(rules(plan))));
            for (int i = 0; i < parameters.size(); i++) {
                var parameter = parameters.get(i);
                int place = GRADIENTS + i;
                word.set(ValueLayout.JAVA_BYTE, place, flag(parameter.gradient().isPresent()));
                place += parameters.size();
                word.set(ValueLayout.JAVA_BYTE, place, flag(hasCurvature.test(parameter)));
            }
            MemorySegment.copy(
                    checksums, 0, word, ValueLayout.JAVA_INT_UNALIGNED, flags, checksums.length);
            team.gather(all, equal(team, bytes));
            for (int member = 0; member < team.size(); member++) {
                compare(all.asSlice((long) member * bytes, bytes), all, member, plan, count);
            }
        }
    }

    private static byte flag(boolean value) {
        return (byte) (value ? 1 : 0);
    }

    private static void compare(
            MemorySegment word, MemorySegment first, int member, StepPlan plan, int count) {
        var message =
                switch (Leaves.values()[word.get(ValueLayout.JAVA_BYTE, LEAVES)]) {
                    case MISSING ->
                            "member %d has not taken up its %d leaves: accumulate is called after"
                                    + " each backward pass";
                    case LATE ->
                            "member %d was handed curvature after its %d leaves were taken up: it"
                                    + " comes before accumulate, with the gradients";
                    case COMPLETE -> "";
                };
        if (!message.isEmpty()) {
            throw new IllegalStateException(message.formatted(member, count));
        }
        long found = word.mismatch(first);
        if (found >= word.byteSize() || found == -1) {
            return;
        }
        if (found < GRADIENTS) {
            throw new IllegalStateException(
                    "member %d has other groups, or rules in them, than member 0"
                            .formatted(member));
        }
        int parameters = plan.parameters().size();
        int place = Math.toIntExact(found) - GRADIENTS;
        if (place >= 2 * parameters) {
            throw new IllegalStateException(
                    "parameter '%s' has other values on member %d than on member 0: members begin with the same"
                            .formatted(
                                    plan.parameters()
                                            .get((place - 2 * parameters) / Integer.BYTES)
                                            .name(),
                                    member));
        }
        boolean ofFirst = first.get(ValueLayout.JAVA_BYTE, found) != 0;
        throw new IllegalStateException(
                "parameter '%s' has %s on member %d, but none on member %d; where a part of the net took no part, hand in zeros"
                        .formatted(
                                plan.parameters().get(place % parameters).name(),
                                place < parameters ? "a gradient" : "curvature",
                                ofFirst ? 0 : member,
                                ofFirst ? member : 0));
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
