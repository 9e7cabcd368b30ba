package org.panoptim.internal.shard;

import org.panoptim.parameter.Parameter;
import org.panoptim.parameter.ParameterGroup;
import org.panoptim.shard.Team;
import org.panoptim.shard.TeamException;
import org.panoptim.spi.StepPlan;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.function.Predicate;
import java.util.stream.IntStream;

/** Finds out whether all members mean the same, before they change anything. */
final class Agreement {

    private static final int HASH_BYTES = 32;

    /**
     * What a member says before a step, as much whatever it has: how it is with its leaves, then
     * hashes of its groups and of what it says of parameters.
     */
    private static final int LEAVES = 0;

    private static final int GROUPS = 1;
    private static final int RULES = GROUPS + HASH_BYTES;
    private static final int PARAMETERS = RULES + HASH_BYTES;

    /** How it is with a member's leaves when it wants to step. */
    enum Leaves {
        COMPLETE,
        MISSING,

        /** They were taken up with gradients of other parameters than the step has. */
        OF_OTHERS,

        /** Curvature came after they were taken up. */
        LATE
    }

    private Agreement() {}

    /**
     * Compares what members were built with.
     *
     * @throws TeamException if a member has something else than the first one; the message says
     *     which member and what
     */
    static void onPlan(Team team, MemberSettings own) {
        var hashes = team.gather(hash(own.toBytes()));
        if (!areSame(hashes)) {
            throw new TeamException("members differ: " + difference(team, own).orElse("settings"));
        }
    }

    /** The first thing that some member has otherwise than the first one, and what both have. */
    private static Optional<String> difference(Team team, MemberSettings own) {
        var all =
                GatheredBytes.of(team, Intent.COMPARE, own.toBytes()).stream()
                        .map(MemberSettings::ofBytes)
                        .toList();
        return IntStream.range(1, team.size())
                .mapToObj(member -> all.get(member).differenceFrom(all.getFirst(), member))
                .flatMap(Optional::stream)
                .findFirst();
    }

    /**
     * What a member says before a step.
     *
     * @param brief as long whatever it has
     * @param said flags and checksums, of which the short one has a hash
     */
    record Word(byte[] brief, byte[] said) {}

    /**
     * What a member says before a step.
     *
     * @param rules what it says of its groups and their rules; nothing where these may change
     *     before the step, which compares them again
     * @param hasCurvature whether it has a parameter's
     * @param own its leaves
     * @param checksums of the parameters' values, in their order; none where they are not compared
     */
    static Word word(
            StepPlan plan,
            Optional<byte[]> rules,
            Predicate<Parameter> hasCurvature,
            Leaves own,
            int[] checksums) {
        var said = said(plan, hasCurvature, checksums);
        var word = new byte[Intent.ROOM];
        word[LEAVES] = (byte) own.ordinal();
        System.arraycopy(hash(groups(plan)), 0, word, GROUPS, HASH_BYTES);
        rules.ifPresent(hash -> System.arraycopy(hash, 0, word, RULES, HASH_BYTES));
        System.arraycopy(hash(said), 0, word, PARAMETERS, HASH_BYTES);
        return new Word(word, said);
    }

    /**
     * Finds out whether all members are ready for the same step: have their leaves, the same
     * groups, and gradients and curvature of the same parameters; and the same parameters, where
     * that is asked for.
     *
     * @param own what this one says
     * @param count of leaves that a member has
     * @throws IllegalStateException if not; the same on all members, and the message says who
     */
    static void onStep(Team team, StepPlan plan, Word own, int count) {
        var words = Intent.STEP.meet(team, own.brief);
        for (int member = 0; member < team.size(); member++) {
            requireLeaves(words.get(member), member, count);
        }
        requireSameGroups(team, plan, parts(words, GROUPS));
        requireSameGroups(
                team, plan, parts(words, RULES).stream().filter(Agreement::isSaid).toList());
        if (!areSame(parts(words, PARAMETERS))) {
            // All have as much to say, and know that it differs.
            var all = team.gather(own.said);
            for (int member = 1; member < team.size(); member++) {
                requireParameters(all.get(member), all.getFirst(), member, plan.parameters());
            }
        }
    }

    private static List<byte[]> parts(List<byte[]> words, int from) {
        return words.stream()
                .map(word -> Arrays.copyOfRange(word, from, from + HASH_BYTES))
                .toList();
    }

    private static boolean isSaid(byte[] hash) {
        return !Arrays.equals(hash, new byte[HASH_BYTES]);
    }

    private static boolean areSame(List<byte[]> hashes) {
        return hashes.stream().allMatch(each -> Arrays.equals(each, hashes.getFirst()));
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

    private static byte flag(boolean value) {
        return (byte) (value ? 1 : 0);
    }

    private static void requireLeaves(byte[] word, int member, int count) {
        var message =
                switch (Leaves.values()[word[LEAVES]]) {
                    case MISSING ->
                            "member %d has not taken up its %d leaves: accumulate is called after"
                                    + " each backward pass";
                    case OF_OTHERS ->
                            "member %d took up its %d leaves with gradients of other parameters"
                                    + " than the step has, since a group was changed or a gradient"
                                    + " set or cleared; "
                                    + Sharding.ANEW;
                    case LATE ->
                            "member %d was handed curvature after its %d leaves were taken up: it"
                                    + " comes before accumulate, with the gradients; "
                                    + Sharding.ANEW;
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
    static void onGroups(Team team, StepPlan plan, byte[] own) {
        requireSameGroups(team, plan, team.gather(own));
    }

    private static void requireSameGroups(Team team, StepPlan plan, List<byte[]> hashes) {
        if (!areSame(hashes)) {
            throw new IllegalStateException(
                    "members differ: "
                            + difference(team, MemberSettings.ofGroups(plan))
                                    .orElse("groups, or rules in them"));
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

    /** Of the groups what decides about what travels. */
    private static String groups(StepPlan plan) {
        var text = new StringBuilder();
        for (ParameterGroup group : plan.groups()) {
            text.append(group.name())
                    .append('|')
                    .append(group.frozen())
                    .append('|')
                    .append(group.parameters().size())
                    .append('\n');
        }
        return text.toString();
    }

    /** As short as the groups can be told, for every step. */
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
