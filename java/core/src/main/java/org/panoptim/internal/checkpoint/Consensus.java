package org.panoptim.internal.checkpoint;

import org.jspecify.annotations.Nullable;
import org.panoptim.internal.shard.GatheredBytes;
import org.panoptim.internal.shard.Intent;
import org.panoptim.shard.Team;
import org.panoptim.shard.TeamException;
import org.panoptim.spi.PartialChangeException;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileSystemException;
import java.util.List;
import java.util.Optional;
import java.util.function.Function;

/**
 * What the members of a team do each for itself, and finish together: if it fails on one, it fails
 * on all, who know where. Without a team there is one who does it alone.
 *
 * @param intent what the others are told that this member does
 * @param task what is done, for messages, for example {@code "save to a folder"}
 */
record Consensus(Optional<Team> team, Intent intent, String task) {

    /** What a member does. */
    @FunctionalInterface
    interface Work<T> {
        /** Does it. */
        T run() throws IOException;
    }

    /**
     * What became of the work of all.
     *
     * @param own the result of this member
     * @param told what all say of theirs, in the order of the members
     */
    record Reached<T>(T own, List<String> told) {}

    /** What came of a member's work: what it says, or why it failed. */
    private record Answer(boolean done, String text) {

        byte[] toBytes() {
            return ((done ? '+' : '-') + text).getBytes(StandardCharsets.UTF_8);
        }

        static Answer of(byte[] bytes) {
            var text = new String(bytes, StandardCharsets.UTF_8);
            return new Answer(text.startsWith("+"), text.substring(1));
        }
    }

    /**
     * Does this member's work, and waits for the others.
     *
     * @param tells what the others are to know of the result
     * @throws IOException if it failed on a member, with its number and the reason; what failed on
     *     all for the same reason each throws as it is
     * @throws PartialChangeException if the work threw it
     * @throws TeamException if the team has ended, so that nobody knows what became of the others
     */
    <T> Reached<T> reach(Work<T> work, Function<T, String> tells) throws IOException {
        if (team.isEmpty()) {
            var result = work.run();
            return new Reached<>(result, List.of(tells.apply(result)));
        }
        T result;
        Answer own;
        try {
            result = work.run();
            own = new Answer(true, tells.apply(result));
        } catch (IOException | RuntimeException | Error e) {
            throw failed(team.get(), e);
        }
        var answers = gather(team.get(), own.toBytes());
        requireDone(answers, null);
        return new Reached<>(result, answers.stream().map(Answer::text).toList());
    }

    /** The same of work without a result. */
    void reach(Action action) throws IOException {
        Work<String> work =
                () -> {
                    action.run();
                    return "";
                };
        reach(work, text -> text);
    }

    /** Work without a result. */
    @FunctionalInterface
    interface Action {
        /** Does it. */
        void run() throws IOException;
    }

    /** Tells the others that it failed here, and throws or returns what says so. */
    private IOException failed(Team team, Throwable failure) throws IOException {
        var own = new Answer(false, reason(failure));
        List<Answer> answers;
        try {
            answers = gather(team, own.toBytes());
        } catch (RuntimeException | Error e) {
            e.addSuppressed(failure);
            throw e;
        }
        boolean onlyHere = failure instanceof PartialChangeException;
        if (!onlyHere && !answers.stream().allMatch(own::equals)) {
            requireDone(answers, failure);
        }
        switch (failure) {
            case RuntimeException e -> throw e;
            case Error e -> throw e;
            case IOException e -> {
                return e;
            }
            default -> throw new IllegalStateException(failure);
        }
    }

    private void requireDone(List<Answer> answers, @Nullable Throwable cause) throws IOException {
        for (int member = 0; member < answers.size(); member++) {
            if (!answers.get(member).done) {
                throw new IOException(
                        "member %d could not %s: %s"
                                .formatted(member, task, answers.get(member).text),
                        cause);
            }
        }
    }

    private static String reason(Throwable failure) {
        var message = failure.getMessage();
        boolean isReason =
                failure instanceof FileSystemException ofFile
                        ? ofFile.getReason() != null
                        : failure instanceof IOException;
        return message != null && isReason ? message : failure.toString();
    }

    private List<Answer> gather(Team team, byte[] own) {
        return GatheredBytes.of(team, intent, own).stream().map(Answer::of).toList();
    }
}
