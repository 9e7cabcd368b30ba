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
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Arrays;
import java.util.List;
import java.util.function.Predicate;

/** Finds out whether all members mean the same, before they change anything. */
final class Agreement {

    private static final int HASH_BYTES = 32;

    /**
     * What a member says before a step, as much whatever it has: how it is with its leaves, then
     * hashes of its groups and of what it says of parameters.
     */
    private static final int LEAVES = 0;

    private static final int GROUPS = 1;
    private static final int PARAMETERS = GROUPS + HASH_BYTES;
    private static final int WORD_BYTES = PARAMETERS + HASH_BYTES;

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
     * @param groups what this one says of its groups
     * @param hasCurvature whether this one has a parameter's
     * @param own this one's leaves
     * @param count of leaves that a member has
     * @param checksums of the parameters' values, in their order; none where they are not compared
     * @throws IllegalStateException if not; the same on all members, and the message says who
     */
    static void onStep(
            Team team,
            StepPlan plan,
            byte[] groups,
            Predicate<Parameter> hasCurvature,
            Leaves own,
            int count,
            int[] checksums) {
        var said = said(plan, hasCurvature, checksums);
        var word = new byte[WORD_BYTES];
        word[LEAVES] = (byte) own.ordinal();
        System.arraycopy(groups, 0, word, GROUPS, HASH_BYTES);
        System.arraycopy(hash(said), 0, word, PARAMETERS, HASH_BYTES);
        var words = gathered(team, word);
        for (int member = 0; member < team.size(); member++) {
            requireLeaves(words[member], member, count);
        }
        requireSameGroups(words, GROUPS);
        if (!Arrays.stream(words).allMatch(each -> Arrays.equals(each, words[0]))) {
            // All have as much to say, and know that it differs.
            var all = gathered(team, said);
            for (int member = 1; member < team.size(); member++) {
                requireParameters(all[member], all[0], member, plan.parameters());
            }
        }
    }

    /** Flags of gradients and of curvature, and checksums, in the order of the parameters. */
    private static byte[] said(StepPlan plan, Predicate<Parameter> hasCurvature, int[] checksums) {
        var parameters = plan.parameters();
        var said = ByteBuffer.allocate(2 * parameters.size() + Integer.BYTES * checksums.length);
        parameters.forEach(parameter -> said.put(flag(parameter.gradient().isPresent())));
        parameters.forEach(parameter -> said.put(flag(hasCurvature.test(parameter))));
        for (int checksum : checksums) {
            said.putInt(checksum);
        }
        return said.array();
    }

    /** What each member says, as much as this one. */
    private static byte[][] gathered(Team team, byte[] own) {
        try (var arena = Arena.ofShared()) {
            var all = arena.allocate((long) own.length * team.size());
            MemorySegment.copy(
                    own,
                    0,
                    all,
                    ValueLayout.JAVA_BYTE,
                    (long) team.rank() * own.length,
                    own.length);
            team.gather(all, equal(team, own.length));
            var found = new byte[team.size()][];
            for (int member = 0; member < found.length; member++) {
                found[member] =
                        all.asSlice((long) member * own.length, own.length)
                                .toArray(ValueLayout.JAVA_BYTE);
            }
            return found;
        }
    }

    private static byte flag(boolean value) {
        return (byte) (value ? 1 : 0);
    }

    private static void requireLeaves(byte[] word, int member, int count) {
        var message =
                switch (Leaves.values()[word[LEAVES]]) {
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
    }

    /** What a member says of its groups and their rules. */
    static byte[] ofGroups(StepPlan plan) {
        return hash(rules(plan));
    }

    /**
     * Waits until all members have got here, and finds out whether their groups are the same still.
     *
     * @param own what this member says of them
     * @throws IllegalStateException if not; the same on all members, and the message says who
     */
    static void onGroups(Team team, byte[] own) {
        requireSameGroups(gathered(team, own), 0);
    }

    private static void requireSameGroups(byte[][] words, int place) {
        for (int member = 1; member < words.length; member++) {
            int end = place + HASH_BYTES;
            if (!Arrays.equals(words[member], place, end, words[0], place, end)) {
                throw new IllegalStateException(
                        "member %d has other groups, or rules in them, than member 0"
                                .formatted(member));
            }
        }
    }

    private static void requireParameters(
            byte[] said, byte[] first, int member, List<Parameter> parameters) {
        int place = Arrays.mismatch(said, first);
        if (place == -1) {
            return;
        }
        int count = parameters.size();
        if (place >= 2 * count) {
            throw new IllegalStateException(
                    "parameter '%s' has other values on member %d than on member 0: members begin with the same"
                            .formatted(
                                    parameters.get((place - 2 * count) / Integer.BYTES).name(),
                                    member));
        }
        boolean ofFirst = first[place] != 0;
        throw new IllegalStateException(
                "parameter '%s' has %s on member %d, but none on member %d; where a part of the net took no part, hand in zeros"
                        .formatted(
                                parameters.get(place % count).name(),
                                place < count ? "a gradient" : "curvature",
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
        return hash(text.getBytes(StandardCharsets.UTF_8));
    }

    private static byte[] hash(byte[] bytes) {
        try {
            return MessageDigest.getInstance("SHA-256").digest(bytes);
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every Java has SHA-256", e);
        }
    }
}
