package org.panoptim.cli.process;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.panoptim.shard.TeamException;

import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.BooleanSupplier;

/** Processes of a small program. */
@Timeout(120)
class MemberProcessesTest {

    /** Does what its argument says, as the member that the environment names. */
    static final class Program {

        private Program() {}

        /** Begins. */
        public static void main(String... arguments) throws InterruptedException {
            int rank = Integer.parseInt(System.getenv("RANK"));
            switch (arguments[0]) {
                case "say" -> {
                    System.out.printf(
                            "%d/%s of %s at %s: süß%n",
                            rank,
                            System.getenv("LOCAL_RANK"),
                            System.getenv("WORLD_SIZE"),
                            System.getenv("MASTER_ADDR"));
                    if (rank > 0) {
                        System.err.println("they all say so");
                        System.err.println("here is " + rank);
                    }
                }
                case "status" -> System.exit(Integer.parseInt(arguments[1 + rank]));
                case "end" -> {
                    int status = Integer.parseInt(arguments[1 + rank]);
                    if (status == TeamEnd.STATUS) {
                        System.out.println(TeamEnd.line("as " + rank + " heard"));
                    }
                    Runtime.getRuntime().halt(status);
                }
                case "fail-alone" -> {
                    ParentWatch.start();
                    if (rank == 1) {
                        System.exit(1);
                    }
                    Thread.sleep(Duration.ofHours(1));
                }
                case "wait" -> {
                    System.out.println("waits");
                    Thread.sleep(Duration.ofHours(1));
                }
                default -> throw new IllegalArgumentException(arguments[0]);
            }
        }
    }

    private final List<String> out = Collections.synchronizedList(new ArrayList<>());
    private final List<String> err = Collections.synchronizedList(new ArrayList<>());

    private int await(int count, BooleanSupplier stop, String... arguments) throws Exception {
        try (var members =
                MemberProcesses.start(
                        Program.class, List.of(arguments), count, out::add, err::add)) {
            return members.await(stop);
        }
    }

    private int await(int count, String... arguments) throws Exception {
        return await(count, () -> false, arguments);
    }

    @Test
    void theFirstIsHeardAsItIsAndTheOthersWithTheirNumbers() throws Exception {
        assertThat(await(3, "say")).isZero();

        assertThat(out).containsExactly("0/0 of 3 at 127.0.0.1: süß");
        assertThat(err)
                .containsOnlyOnce("[1] here is 1", "[2] here is 2")
                .contains("[1] 1/1 of 3 at 127.0.0.1: süß", "[2] 2/2 of 3 at 127.0.0.1: süß")
                .filteredOn(line -> line.endsWith("they all say so"))
                .hasSize(1);
        assertThat(err).hasSize(5);
    }

    @Test
    void theStatusIsThatOfTheOnesThatFailed() throws Exception {
        assertThat(await(3, "status", "0", "0", "0")).isZero();
        assertThat(await(3, "status", "0", "2", "1")).isEqualTo(2);
    }

    @Test
    void whoEndsWithoutSayingWhyIsNamed() {
        assertThatThrownBy(() -> await(3, "status", "0", "0", "9"))
                .isInstanceOf(TeamException.class)
                .hasMessage("member 2 ended with status 9; the others ended because of it");
    }

    @Test
    void ofATeamThatEndedOnlyTheCauseIsTold() throws Exception {
        assertThatThrownBy(() -> await(4, "end", "3", "137", "3", "143"))
                .isInstanceOf(TeamException.class)
                .hasMessage(
                        "member 1 was ended by signal 9 (KILL), member 3 was ended by signal 15"
                                + " (TERM); the others ended because of it");
        assertThatThrownBy(() -> await(2, "end", "137", "137"))
                .hasMessage(
                        "member 0 was ended by signal 9 (KILL), member 1 was ended by signal 9"
                                + " (KILL)");
        assertThat(await(3, "end", "3", "1", "3")).as("it said why").isEqualTo(1);
        assertThatThrownBy(() -> await(2, "end", "3", "3"))
                .isInstanceOf(TeamException.class)
                .hasMessage("as 0 heard");
        assertThat(err).as("one account").isEmpty();
        assertThat(out).isEmpty();
    }

    @Test
    void whoeverWaitsForOneThatFailedIsEnded() throws Exception {
        assertThat(await(2, "fail-alone")).isEqualTo(1);
    }

    @Test
    void aRequestToStopReachesAll() throws Exception {
        var stop = new AtomicBoolean();
        try (var members =
                MemberProcesses.start(
                        Program.class,
                        List.of("wait"),
                        2,
                        _ -> stop.set(true),
                        line -> err.add(line))) {
            assertThat(members.await(stop::get)).isZero();
        }
        assertThat(err).isSubsetOf("[1] waits");
    }

    @Test
    void whatCannotBePassedOnEndsAll() {
        assertThatThrownBy(
                        () -> {
                            try (var members =
                                    MemberProcesses.start(
                                            Program.class,
                                            List.of("wait"),
                                            2,
                                            _ -> {
                                                throw new IllegalStateException("no reader");
                                            },
                                            err::add)) {
                                members.await(() -> false);
                            }
                        })
                .hasMessage("no reader");
    }
}
