package org.panoptim.distributed;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.parallel.Execution;
import org.junit.jupiter.api.parallel.ExecutionMode;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import java.io.IOException;
import java.net.ServerSocket;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * A team of processes: what it moves, how it begins, and how it ends. Tests in which it waits for
 * seconds run beside the others.
 */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class ClusterTest {

    /** Long enough for what does not fail on a machine with other work. */
    private static final int LONG = 60_000;

    /** Of the tests that wait for it. */
    private static final int SHORT = 3_000;

    /** Puppets that are in no team. */
    private final List<JavaProcess> idle = new ArrayList<>();

    @AfterAll
    void endProcesses() {
        idle.forEach(JavaProcess::close);
    }

    /** Puppets, each a member of a team to be, or of one. */
    private final class Puppets implements AutoCloseable {

        private final int port;
        private final int size;
        private final int timeout;
        private final List<JavaProcess> all = new ArrayList<>();

        /** Takes so many puppets, that are told nothing yet. */
        Puppets(int size, int timeout) throws IOException {
            this(size, timeout, freePort());
        }

        Puppets(int size, int timeout, int port) throws IOException {
            this.port = port;
            this.size = size;
            this.timeout = timeout;
            synchronized (idle) {
                while (all.size() < size && !idle.isEmpty()) {
                    all.add(idle.removeLast());
                }
            }
            int known = all.size();
            while (all.size() < size) {
                all.add(JavaProcess.start(Puppet.class, Map.of()));
                all.getLast().tell("load");
            }
            for (var started : all.subList(known, size)) {
                assertThat(started.answer()).isEqualTo("done");
            }
        }

        JavaProcess get(int rank) {
            return all.get(rank);
        }

        void tellToJoin(int rank) throws IOException {
            tellToJoin(rank, rank, size);
        }

        void tellToJoin(int number, int rank, int size) throws IOException {
            get(number).tell("join %d %d %d %d".formatted(port, rank, size, timeout));
        }

        Puppets joined() throws Exception {
            for (int rank = 0; rank < size; rank++) {
                tellToJoin(rank);
            }
            for (int rank = 0; rank < size; rank++) {
                assertThat(get(rank).answer()).isEqualTo("done");
            }
            return this;
        }

        /** Tells each its own line, and gives the answers. */
        List<String> ask(String... lines) throws Exception {
            for (int rank = 0; rank < lines.length; rank++) {
                get(rank).tell(lines[rank]);
            }
            return answers(lines.length);
        }

        List<String> answers(int count) throws Exception {
            var answers = new ArrayList<String>();
            for (int rank = 0; rank < count; rank++) {
                answers.add(get(rank).answer());
            }
            return answers;
        }

        /** Tells all but one to wait for all. */
        void tellToWait(int victim) throws IOException {
            for (int rank = 0; rank < size; rank++) {
                if (rank != victim) {
                    get(rank).tell("exchange 1,1,1 1,1,1");
                }
            }
        }

        /** What all but one are told at last, and are told again when they call again. */
        void requireEnd(int victim, String reason) throws Exception {
            for (int rank = 0; rank < size; rank++) {
                if (rank != victim) {
                    assertThat(get(rank).answer()).as("member %d", rank).isEqualTo(reason);
                    assertThat(get(rank).ask("barrier")).isEqualTo(reason);
                }
            }
        }

        /** Those that still answer are for other teams. */
        @Override
        public void close() throws IOException {
            for (var each : all) {
                if (each.isListening()) {
                    each.tell("close");
                }
            }
            for (var each : all) {
                if (each.isListening() && each.answered().equals(Optional.of("done"))) {
                    synchronized (idle) {
                        idle.add(each);
                    }
                } else {
                    each.close();
                }
            }
        }
    }

    private static int freePort() throws IOException {
        try (var socket = new ServerSocket(0)) {
            return socket.getLocalPort();
        }
    }

    @Test
    void aTeamOfOneHasItsOwn() throws Exception {
        try (var members = new Puppets(1, LONG).joined()) {
            assertThat(members.ask("exchange 3 3")).containsExactly("");
            assertThat(members.ask("gather 2")).containsExactly("0101");
            assertThat(members.ask("barrier")).containsExactly("done");
        }
    }

    @Test
    void partsOfAnySizeGoToWhomTheyAreFor() throws Exception {
        try (var members = new Puppets(4, LONG).joined()) {
            for (int i = 0; i < 3; i++) {
                assertThat(
                                members.ask(
                                        "exchange 1,2,0,0 1,0,3,0",
                                        "exchange 0,0,0,1 2,0,0,0",
                                        "exchange 3,0,1,0 0,0,1,2",
                                        "exchange 0,0,2,0 0,1,0,0"))
                        .containsExactly("202020", "0101", "3232", "13");
            }
            assertThat(
                            members.ask(
                                    "gather 1,0,2,1",
                                    "gather 1,0,2,1",
                                    "gather 1,0,2,1",
                                    "gather 1,0,2,1"))
                    .hasSize(4)
                    .containsOnly("01030304");
            assertThat(members.ask("barrier", "barrier", "barrier", "barrier"))
                    .hasSize(4)
                    .containsOnly("done");
        }
    }

    @Test
    void severalTransfersAreUnderWayAtOnceEachOfSeveralPieces() throws Exception {
        try (var members = new Puppets(2, LONG).joined()) {
            assertThat(members.ask("pipeline 3", "pipeline 3"))
                    .containsExactly(
                            "101010" + "111111" + "121212", "000000" + "010101" + "020202");
        }
    }

    @Test
    void channelsHaveOrdersOfTheirOwn() throws Exception {
        try (var members = new Puppets(2, LONG).joined()) {
            assertThat(members.ask("channels 0,1", "channels 1,0")).containsExactly("1011", "0001");
        }
    }

    @Test
    void membersThatMakeDifferentCallsAreToldWhich() throws Exception {
        try (var members = new Puppets(3, SHORT).joined()) {
            var answers = members.ask("gather 3,3,3", "gather 4,4,4", "gather 4,4,4");

            assertThat(answers).hasSize(3).containsOnly(answers.getFirst());
            assertThat(answers.getFirst())
                    .matches(
                            "members make different calls: member . sends [34] bytes to member .,"
                                    + " which expects [34]");
        }
    }

    @Test
    void nothingIsMovedWhereNobodyHasAnything() throws Exception {
        try (var members = new Puppets(2, LONG).joined()) {
            assertThat(members.ask("exchange 0,0 0,0", "gather 0,0"))
                    .as("nothing to wait for")
                    .containsExactly("", "");
            assertThat(members.ask("gather 2,1", "gather 2,1")).containsExactly("010102", "010102");
        }
    }

    @Test
    void aCallThatMakesNoSenseIsRefusedAndTheTeamGoesOn() throws Exception {
        try (var members = new Puppets(2, LONG).joined()) {
            assertThat(members.get(0).ask("exchange 1 1,1"))
                    .endsWith("sent must have a list for each of 2 members, but has 1");
            assertThat(members.get(0).ask("heap")).contains("sent must be native memory, but has ");
            assertThat(members.ask("barrier", "barrier")).containsOnly("done");
        }
    }

    @Test
    void aClosedClusterSaysSo() throws Exception {
        try (var members = new Puppets(1, LONG).joined()) {
            assertThat(members.ask("close")).containsExactly("done");
            assertThat(members.ask("barrier"))
                    .containsExactly("java.lang.IllegalStateException: the cluster is closed");
            assertThat(members.ask("abort too late")).containsExactly("done");
        }
    }

    @Execution(ExecutionMode.CONCURRENT)
    @Test
    void whoeverDoesNotComeIsNamed() throws Exception {
        try (var members = new Puppets(3, SHORT)) {
            members.tellToJoin(0);
            members.tellToJoin(1);
            for (int rank = 0; rank < 2; rank++) {
                assertThat(members.get(rank).answer())
                        .isEqualTo(
                                "member %d of 3 at 127.0.0.1:%d could not join: member 2 did not come within PT3S"
                                        .formatted(rank, members.port));
            }
        }
    }

    @Execution(ExecutionMode.CONCURRENT)
    @Test
    void ifTheFirstDoesNotComeThePlaceIsNamed() throws Exception {
        try (var members = new Puppets(2, SHORT)) {
            members.tellToJoin(1);
            assertThat(members.get(1).answer())
                    .isEqualTo(
                            "member 1 of 2 at 127.0.0.1:%d could not join: no c10d store answers there within PT3S"
                                    .formatted(members.port));
        }
    }

    @Execution(ExecutionMode.CONCURRENT)
    @Test
    void aPortThatIsTakenIsNamed() throws Exception {
        try (var other = new ServerSocket(0);
                var members = new Puppets(2, SHORT, other.getLocalPort())) {
            members.tellToJoin(0);
            members.tellToJoin(1);
            assertThat(members.get(0).answer())
                    .startsWith(
                            "member 0 of 2 at 127.0.0.1:%d could not join: "
                                    .formatted(members.port))
                    .contains("address already in use");
            assertThat(members.get(1).answer())
                    .isEqualTo(
                            "member 1 of 2 at 127.0.0.1:%d could not join: no c10d store answers there within PT3S"
                                    .formatted(members.port));
        }
    }

    @Test
    void twoThatTakeThemselvesForTheSameEndTheTeamBeforeItBegins() throws Exception {
        try (var members = new Puppets(3, LONG)) {
            members.tellToJoin(0);
            members.tellToJoin(1);
            members.tellToJoin(2, 1, 3);
            assertThat(members.answers(3))
                    .allMatch(
                            answer ->
                                    answer.endsWith(
                                            "could not join: two processes came as member 1"));
        }
    }

    @Test
    void whoWasToldOfAnotherSizeEndsTheTeamBeforeItBegins() throws Exception {
        try (var members = new Puppets(2, LONG)) {
            members.tellToJoin(0);
            members.tellToJoin(1, 1, 4);
            assertThat(members.answers(2))
                    .allMatch(
                            answer ->
                                    answer.endsWith(
                                            "could not join: member 1 was told of 4 members, but"
                                                    + " member 0 of 2"));
        }
    }

    @Test
    void whoComesTooManyIsSentAwayAndTheTeamGoesOn() throws Exception {
        try (var members = new Puppets(2, LONG).joined();
                var another = new Puppets(1, LONG, members.port)) {
            another.tellToJoin(0, 1, 2);
            assertThat(another.get(0).answer())
                    .endsWith("could not join: the team is complete without it");
            assertThat(members.ask("barrier", "barrier")).containsOnly("done");
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 2})
    void whoGivesUpTellsWhyThoseWhoWait(int victim) throws Exception {
        try (var members = new Puppets(3, LONG).joined()) {
            members.tellToWait(victim);
            Thread.sleep(200);
            assertThat(members.get(victim).ask("abort no paper")).isEqualTo("done");
            var reason = "member %d gave up: no paper".formatted(victim);
            members.requireEnd(victim, reason);
            assertThat(members.get(victim).ask("barrier")).isEqualTo(reason);
        }
    }

    @Test
    void aMemberMayGiveUpWhileItWaits() throws Exception {
        try (var members = new Puppets(2, LONG).joined()) {
            members.get(0).tell("barrier");
            Thread.sleep(200);
            members.get(0).tell("meanwhile abort out of patience");
            assertThat(List.of(members.get(0).answer(), members.get(0).answer()))
                    .containsExactlyInAnyOrder("done", "member 0 gave up: out of patience");
            assertThat(members.get(1).ask("barrier"))
                    .isEqualTo("member 0 gave up: out of patience");
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 2})
    void whoIsKilledIsMissedAtOnce(int victim) throws Exception {
        try (var members = new Puppets(3, LONG).joined()) {
            members.tellToWait(victim);
            Thread.sleep(200);
            long begin = System.nanoTime();
            members.get(victim).kill();
            members.requireEnd(victim, "member %d is gone".formatted(victim));
            assertThat(Duration.ofNanos(System.nanoTime() - begin))
                    .isLessThan(Duration.ofMillis(LONG / 4));
        }
    }

    @Execution(ExecutionMode.CONCURRENT)
    @ParameterizedTest
    @ValueSource(ints = {0, 2})
    void whoIsSilentIsMissedBeforeTheTimeout(int victim) throws Exception {
        try (var members = new Puppets(3, SHORT).joined()) {
            members.get(victim).stop();
            members.tellToWait(victim);
            members.requireEnd(
                    victim, "member %d has not been heard of for PT2.4S".formatted(victim));
        }
    }

    @Execution(ExecutionMode.CONCURRENT)
    @ParameterizedTest
    @ValueSource(ints = {0, 2})
    void whoDoesNotCallInTimeIsNamed(int victim) throws Exception {
        try (var members = new Puppets(3, SHORT).joined()) {
            members.ask("barrier", "barrier", "barrier");
            members.tellToWait(victim);
            members.requireEnd(
                    victim,
                    "member %d did not come within PT3S (member %d waited in call 3)"
                            .formatted(victim, victim == 0 ? 1 : 0));
            assertThat(members.get(victim).ask("barrier"))
                    .startsWith("member %d did not come within PT3S".formatted(victim));
        }
    }

    @Test
    void whoLeavesEarlyIsNamed() throws Exception {
        try (var members = new Puppets(3, LONG).joined()) {
            members.tellToWait(2);
            Thread.sleep(200);
            assertThat(members.get(2).ask("close")).isEqualTo("done");
            var told = members.answers(2);
            assertThat(told)
                    .containsOnly(told.getFirst())
                    .first()
                    .asString()
                    .matches(
                            "member 2 left before the others \\(member [01] was in call 2\\): it"
                                    + " gave no reason, which its own output may tell;"
                                    + " Cluster.abort passes one on");
        }
    }

    @Test
    void ifTheFirstLeavesEarlyThatIsTold() throws Exception {
        try (var members = new Puppets(3, LONG).joined()) {
            members.tellToWait(0);
            Thread.sleep(200);
            assertThat(members.get(0).ask("close")).isEqualTo("done");
            for (int rank = 1; rank < 3; rank++) {
                assertThat(members.get(rank).answer())
                        .startsWith(
                                "member 0 left before the others: it gave no reason, which its own"
                                        + " output may tell; Cluster.abort passes one on (then: ");
            }
        }
    }

    @Test
    void membersLeaveOneByOneAfterTheirLastCall() throws Exception {
        for (int i = 0; i < 10; i++) {
            try (var members = new Puppets(4, LONG).joined()) {
                for (int rank = 0; rank < 4; rank++) {
                    // What one has left behind reaches the others after it has gone.
                    members.get(rank).tell("gather 1,1,1,1");
                    members.get(rank).tell("close");
                }
                assertThat(members.answers(4)).containsOnly("01020304");
                assertThat(members.answers(4)).containsOnly("done");
            }
        }
    }

    @Test
    void aTeamThatHasEndedIsFollowedByAnother() throws Exception {
        try (var members = new Puppets(2, LONG).joined()) {
            members.get(0).ask("abort for the first time");
            assertThat(members.ask("close", "close")).containsOnly("done");
            members.joined();
            assertThat(members.ask("barrier", "barrier")).containsOnly("done");
        }
    }
}
