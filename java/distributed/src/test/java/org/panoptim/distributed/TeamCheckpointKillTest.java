package org.panoptim.distributed;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.panoptim.checkpoint.CheckpointException;
import org.panoptim.shard.ForwardingTeam;
import org.panoptim.shard.Team;
import org.panoptim.shard.TeamException;
import org.panoptim.shard.Transfer;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;

/**
 * Whatever ends a saving of a team, and whenever: the folder has the checkpoint that it had, or the
 * new one. The savings of these tests are ended before every single operation on files, and every
 * word of the team.
 */
class TeamCheckpointKillTest {

    private static final int MEMBERS = 2;

    @TempDir private Path temporary;

    /** A process is no more: nothing of it does anything from here on. */
    private static final class Killed extends Error {

        private static final long serialVersionUID = 1L;
    }

    /** A process that is killed before it does something for the nth time, and all that it uses. */
    private static final class Process implements FragileFiles.Fate {

        private final AtomicInteger left;
        private final Runnable death;
        private boolean dead;

        Process(AtomicInteger left, Runnable death) {
            this.left = left;
            this.death = death;
        }

        private void act() {
            if (left.getAndDecrement() <= 0) {
                dead = true;
                death.run();
            }
            requireAlive();
        }

        private void requireAlive() {
            if (dead) {
                throw new Killed();
            }
        }

        @Override
        public void beforeChange(Path file) {
            act();
        }

        @Override
        public void beforeLook() {
            requireAlive();
        }
    }

    /** A member that speaks as long as its process lives. */
    private static final class Mortal extends ForwardingTeam {

        private final Process process;

        Mortal(Team member, Process process) {
            super(member);
            this.process = process;
        }

        @Override
        protected Transfer begin(
                Team over, List<List<MemorySegment>> sent, List<List<MemorySegment>> received) {
            process.act();
            return super.begin(over, sent, received);
        }

        @Override
        public void abort(String reason) {
            process.requireAlive();
            super.abort(reason);
        }
    }

    /** More than any process does in a test. */
    private static final int FOREVER = 1_000_000;

    private Map<String, String> afterSteps(int... steps) throws IOException {
        try (var trainee = Trainee.alone().train(steps)) {
            return trainee.content(temporary);
        }
    }

    /**
     * Trains a step, saves, trains another one and saves again; that one ends.
     *
     * @param budgets what each member may do in it
     * @return what each threw, if it did
     */
    private List<Object> saveTwice(Path folder, boolean first, List<AtomicInteger> budgets)
            throws Exception {
        var team = LocalTeam.of(MEMBERS, Duration.ofSeconds(60));
        return Members.results(
                team,
                member -> {
                    var budget = budgets.get(member.rank());
                    int allowed = budget.getAndSet(FOREVER);
                    var process = new Process(budget, () -> member.abort("its process is gone"));
                    try (var trainee = Trainee.of(new Mortal(member, process))) {
                        trainee.train(1);
                        if (first) {
                            trainee.optimizer.save(folder);
                        }
                        trainee.train(2);
                        member.barrier();
                        budget.set(allowed);
                        member.barrier();
                        var thrown =
                                Trainee.thrownBy(
                                        () ->
                                                trainee.optimizer.save(
                                                        FragileFiles.path(folder, process)));
                        return thrown.<Object>map(each -> each).orElse("saved");
                    }
                });
    }

    private static long remaining(Path folder) throws IOException {
        try (Stream<Path> files = Files.list(folder)) {
            return files.count();
        }
    }

    /** Temporary files that are this process's would not be taken for those of a killed one. */
    private static void letTemporaryFilesBeOfAnotherProcess(Path folder) throws IOException {
        var own = "-" + ProcessHandle.current().pid() + "-";
        try (var files = Files.newDirectoryStream(folder, ".panoptim-*" + own + "*.tmp")) {
            for (var file : files) {
                Files.move(
                        file,
                        file.resolveSibling(file.getFileName().toString().replace(own, "-1-")));
            }
        }
    }

    /** Another team goes on in the folder, and leaves nothing there but its own. */
    private void requireUsable(Path folder, Map<String, String> expected) throws Exception {
        if (Files.exists(folder)) {
            letTemporaryFilesBeOfAnotherProcess(folder);
        }
        var saved =
                Members.results(
                        Members.team(MEMBERS),
                        member -> {
                            try (var trainee = Trainee.of(member).train(1, 2)) {
                                trainee.optimizer.save(folder);
                                return "saved";
                            }
                        });
        assertThat(saved).containsOnly("saved");
        assertThat(Trainee.contentOf(folder)).isEqualTo(expected);
        assertThat(remaining(folder)).isEqualTo(MEMBERS + 1);
    }

    /** Which members are killed. */
    private enum Victim {
        FIRST,
        LAST,
        ALL
    }

    private static List<AtomicInteger> budgets(Victim victim, int operations) {
        var own = new AtomicInteger(operations);
        var forever = new AtomicInteger(FOREVER);
        return switch (victim) {
            case FIRST -> List.of(own, forever);
            case LAST -> List.of(forever, own);
            case ALL -> List.of(own, new AtomicInteger(operations));
        };
    }

    private static boolean isOver(Victim victim, List<Object> results) {
        return switch (victim) {
            case FIRST -> results.getFirst().equals("saved");
            case LAST -> results.getLast().equals("saved");
            case ALL -> results.stream().allMatch("saved"::equals);
        };
    }

    @Test
    void aKillAtAnyMomentLeavesTheOldCheckpointOrTheNew() throws Exception {
        var old = afterSteps(1);
        var complete = afterSteps(1, 2);
        for (var victim : Victim.values()) {
            var found = new HashSet<String>();
            boolean over = false;
            for (int operations = 0; !over; operations++) {
                var what = victim + " after " + operations + " operations";
                var folder = temporary.resolve(victim + "-" + operations);
                var results = saveTwice(folder, true, budgets(victim, operations));
                over = isOver(victim, results);
                assertThat(results)
                        .as(what)
                        .allSatisfy(
                                result ->
                                        assertThat(result)
                                                .matches(
                                                        each ->
                                                                each.equals("saved")
                                                                        || each instanceof Killed
                                                                        || each
                                                                                instanceof
                                                                                TeamException));
                var content = Trainee.contentOf(folder);
                assertThat(content).as(what).isIn(old, complete);
                found.add(content.equals(old) ? "old" : "new");
                requireUsable(folder, complete);
            }
            assertThat(found).as("%s", victim).containsExactlyInAnyOrder("old", "new");
        }
    }

    @Test
    void aKillInTheFirstSavingLeavesNoCheckpointOrTheNew() throws Exception {
        var complete = afterSteps(1, 2);
        var found = new HashSet<String>();
        boolean over = false;
        for (int operations = 0; !over; operations++) {
            var folder = temporary.resolve("first-" + operations);
            var results = saveTwice(folder, false, budgets(Victim.ALL, operations));
            over = isOver(Victim.ALL, results);
            try {
                assertThat(Trainee.contentOf(folder)).isEqualTo(complete);
                found.add("new");
            } catch (CheckpointException e) {
                assertThat(e).hasMessageContaining("there is no index.safetensors");
                found.add("none");
            } catch (IOException e) {
                assertThat(folder).doesNotExist();
            }
            requireUsable(folder, complete);
        }
        assertThat(found).containsExactlyInAnyOrder("none", "new");
    }

    /** A disk on which the nth operation of one member fails. */
    private record Full(AtomicInteger left) implements FragileFiles.Fate {

        @Override
        public void beforeChange(Path file) throws IOException {
            if (left.getAndDecrement() == 0) {
                throw new FileSystemException(file.toString(), null, "No space left on device");
            }
        }

        @Override
        public void beforeLook() {}
    }

    @Test
    void aFailureOnOneMemberIsOneOnAllAndTheTeamGoesOn() throws Exception {
        var old = afterSteps(1);
        var complete = afterSteps(1, 2);
        var later = afterSteps(1, 2, 3);
        for (int failing = 0; failing < MEMBERS; failing++) {
            int failures = 0;
            var left = new AtomicInteger();
            boolean over = false;
            for (int operations = 0; !over; operations++) {
                var what = "member %d after %d operations".formatted(failing, operations);
                var folder = temporary.resolve(failing + "-" + operations);
                left.set(operations);
                int victim = failing;
                var results =
                        Members.results(
                                Members.team(MEMBERS),
                                member -> {
                                    try (var trainee = Trainee.of(member).train(1)) {
                                        trainee.optimizer.save(folder);
                                        trainee.train(2);
                                        var fragile =
                                                member.rank() == victim
                                                        ? FragileFiles.path(folder, new Full(left))
                                                        : folder;
                                        var thrown =
                                                Trainee.thrownBy(
                                                        () -> trainee.optimizer.save(fragile));
                                        member.barrier();
                                        var content = Trainee.contentOf(folder);
                                        member.barrier();
                                        trainee.train(3).optimizer.save(folder);
                                        return new Failure(
                                                thrown.map(Throwable::getMessage).orElse("saved"),
                                                content);
                                    }
                                });
                over = left.get() >= 0;
                assertThat(results).as(what).hasSize(MEMBERS).containsOnly(results.getFirst());
                var failure = (Failure) results.getFirst();
                if (failure.message.equals("saved")) {
                    assertThat(failure.content).as(what).isEqualTo(complete);
                } else {
                    failures++;
                    assertThat(failure.message)
                            .as(what)
                            .startsWith("member %d could not save to ".formatted(failing));
                    assertThat(failure.content)
                            .as(what)
                            .isEqualTo(isInPlace(failure.message) ? complete : old);
                }
                assertThat(Trainee.contentOf(folder)).as(what).isEqualTo(later);
                assertThat(remaining(folder)).as(what).isEqualTo(MEMBERS + 1);
            }
            assertThat(failures).isGreaterThan(5);
        }
    }

    /** Whether the new index is there, and merely not known to survive a loss of power. */
    private static boolean isInPlace(String message) {
        return message.contains("index.safetensors: the new file is in place");
    }

    /** What a member was told, and what the folder had then. */
    private record Failure(String message, Map<String, String> content) {}
}
