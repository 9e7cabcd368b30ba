package org.panoptim.tests.team;

import static org.assertj.core.api.Assertions.assertThat;

import static java.util.stream.Collectors.joining;

import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.MethodOrderer;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.TestMethodOrder;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.panoptim.backend.Backend;
import org.panoptim.distributed.JavaProcess;

import java.io.IOException;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.function.Supplier;
import java.util.stream.Stream;

/** Processes that take steps together, over Gloo. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
@TestMethodOrder(MethodOrderer.OrderAnnotation.class)
class ProcessTeamTest {

    /** How often a member is killed; a hundred times is worth it after changes of what fails. */
    private static final int KILLS = Integer.getInteger("panoptim.kills", 8);

    private static final int MEMBERS = 4;

    private final List<JavaProcess> processes = new ArrayList<>();

    /** Whether all processes wait to be told something: not where a test failed. */
    private boolean idle = true;

    /** What one process finds that steps by itself, with the mean of all gradients. */
    private final Supplier<List<TeamCase.Result>> alone = new Lazy<>(ProcessTeamTest::alone);

    private static final class Lazy<T> implements Supplier<T> {

        private final Supplier<T> supplier;
        private final List<T> found = new ArrayList<>();

        Lazy(Supplier<T> supplier) {
            this.supplier = supplier;
        }

        @Override
        public T get() {
            if (found.isEmpty()) {
                found.add(supplier.get());
            }
            return found.getFirst();
        }
    }

    private static List<TeamCase.Result> alone() {
        try (var backend = Backend.named("simd")) {
            return TeamCase.all().stream()
                    .map(each -> each.run(backend, Optional.empty()))
                    .toList();
        }
    }

    @AfterAll
    void endProcesses() {
        processes.forEach(JavaProcess::close);
        processes.clear();
    }

    /** Has so many processes, of which the first are used again, do something as a team. */
    private List<JavaProcess> team(int size, String command, Object... further) throws IOException {
        if (!idle) {
            endProcesses();
        }
        idle = false;
        while (processes.size() < size) {
            processes.add(JavaProcess.start(TeamMember.class, Map.of()));
        }
        int port;
        try (var socket = new ServerSocket(0)) {
            port = socket.getLocalPort();
        }
        for (int rank = 0; rank < size; rank++) {
            var line = new StringBuilder("%s %d %d %d".formatted(command, port, rank, size));
            for (var word : further) {
                line.append(' ').append(word);
            }
            processes.get(rank).tell(line.toString());
        }
        return processes.subList(0, size);
    }

    /** First, since the others use its processes. */
    @Order(1)
    @ParameterizedTest
    @ValueSource(ints = {1, 2, 4, 8})
    void stepsHaveTheBitsOfOneProcess(int size) throws Exception {
        var team = team(size, "cases");
        var cases = TeamCase.all();
        for (int i = 0; i < cases.size(); i++) {
            var expected = alone.get().get(i);
            var states = new Digest[expected.states().size()];
            Arrays.fill(states, Digest.EMPTY);
            for (var member : team) {
                var parts = member.answer().split("\t", -1);
                assertThat(parts).as("%s", (Object) parts).hasSize(3);
                assertThat(parts[0]).isEqualTo(cases.get(i).name());
                assertThat(parts[1])
                        .as("%s, %d members", parts[0], size)
                        .isEqualTo(String.join(" ; ", expected.common()).replace('\n', ' '));
                var own =
                        Stream.of(parts[2].split(" "))
                                .filter(text -> !text.isEmpty())
                                .map(Digest::parse)
                                .toList();
                for (int state = 0; state < states.length; state++) {
                    states[state] = states[state].then(own.get(state));
                }
            }
            assertThat(states)
                    .as("states of %s, %d members", cases.get(i).name(), size)
                    .containsExactlyElementsOf(expected.states());
        }
        idle = true;
    }

    @Test
    void aGradientThatOneMemberLacksIsNamedOnAllAndNothingChanges() throws Exception {
        for (var member : team(2, "missing")) {
            assertThat(member.answer())
                    .startsWith("parameter 'p3' has a gradient on member 0, but none on member 1");
            assertThat(member.answer()).isEqualTo("unchanged");
        }
        idle = true;
    }

    @Test
    void whoIsLeftGoesOnFromTheCheckpointWithTheSameBits(@TempDir Path folder) throws Exception {
        var undisturbed = new HashSet<String>();
        for (var member : team(4, "train", Files.createDirectory(folder.resolve("one")), 0, 5)) {
            assertThat(member.answer()).isEqualTo("saved");
            undisturbed.add(member.answer());
        }
        assertThat(undisturbed).hasSize(1);
        idle = true;

        var another = Files.createDirectory(folder.resolve("another"));
        var team = team(4, "train", another, 0, 1_000_000);
        for (var member : team) {
            assertThat(member.answer()).isEqualTo("saved");
        }
        team.get(0).kill();
        for (int rank = 1; rank < 4; rank++) {
            assertThat(team.get(rank).answer()).contains("member 0 is gone");
        }
        processes.removeFirst().close();
        idle = true;

        for (var member : team(2, "train", another, 2, 5)) {
            assertThat(member.answer()).isIn(undisturbed);
        }
        idle = true;
    }

    @Test
    void aMemberThatIsKilledEndsTheStepOnAll() throws Exception {
        var random = new Random(Long.getLong("panoptim.seed", 1));
        var ends = new ArrayList<String>();
        for (int i = 0; i < KILLS; i++) {
            int victim = random.nextInt(MEMBERS);
            var team = team(MEMBERS, "steps");
            for (var member : team) {
                assertThat(member.answer()).isEqualTo("stepping");
            }
            Thread.sleep(Duration.ofNanos(random.nextLong(500_000_000)));
            long begin = System.nanoTime();
            team.get(victim).kill();
            var found = new ArrayList<String>();
            for (int rank = 0; rank < MEMBERS; rank++) {
                if (rank != victim) {
                    var answer = team.get(rank).answer();
                    assertThat(answer)
                            .matches(
                                    "(unchanged: |unusable: .* step \\d+ failed half way on member %d, in phase .*)member %d is gone.*"
                                            .formatted(rank, victim));
                    found.add(answer.substring(0, answer.indexOf(':')));
                }
            }
            assertThat(Duration.ofNanos(System.nanoTime() - begin)).isLessThan(TeamMember.TIMEOUT);
            ends.add(found.stream().distinct().sorted().collect(joining(" and ")));
            // Those that are left go on in another team, with one that takes its place.
            idle = true;
            processes.remove(victim).close();
        }
        System.out.printf(
                "%d kills: %d before the decision, %d after it, %d between%n",
                KILLS,
                count(ends, "unchanged"),
                count(ends, "unusable"),
                count(ends, "unchanged and unusable"));
    }

    private static long count(List<String> ends, String end) {
        return ends.stream().filter(end::equals).count();
    }
}
