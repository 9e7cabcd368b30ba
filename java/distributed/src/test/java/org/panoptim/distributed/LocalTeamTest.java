package org.panoptim.distributed;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import static java.util.stream.Collectors.joining;

import org.junit.jupiter.api.Test;
import org.panoptim.shard.ForwardingTeam;
import org.panoptim.shard.Team;
import org.panoptim.shard.TeamException;
import org.panoptim.shard.Transfer;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.function.IntFunction;
import java.util.stream.IntStream;

class LocalTeamTest {

    private static MemorySegment bytes(Arena arena, int... values) {
        var bytes = new byte[values.length];
        for (int i = 0; i < bytes.length; i++) {
            bytes[i] = (byte) values[i];
        }
        return arena.allocateFrom(ValueLayout.JAVA_BYTE, bytes);
    }

    @Test
    void everyMemberGetsItsPartsInTheOrderOfTheMembers() throws Exception {
        var results =
                Members.results(
                        Members.team(3),
                        member -> {
                            try (var arena = Arena.ofShared()) {
                                int rank = member.rank();
                                // To member m go m bytes.
                                var sent =
                                        bytes(arena, 10 * rank + 1, 10 * rank + 2, 10 * rank + 3);
                                var received = arena.allocate(3L * rank);
                                member.exchange(
                                        pieces(rank, to -> sent.asSlice(0, to)),
                                        pieces(
                                                rank,
                                                from ->
                                                        received.asSlice(
                                                                (long) from * rank, rank)));
                                return received.toArray(ValueLayout.JAVA_BYTE);
                            }
                        });

        assertThat(results)
                .containsExactly(
                        new byte[] {}, new byte[] {1, 0, 21}, new byte[] {1, 2, 11, 12, 0, 0});
    }

    /** One piece for each of three members but this one. */
    private static List<List<MemorySegment>> pieces(int rank, IntFunction<MemorySegment> piece) {
        return IntStream.range(0, 3)
                .mapToObj(
                        member ->
                                member == rank
                                        ? List.<MemorySegment>of()
                                        : List.of(piece.apply(member)))
                .toList();
    }

    @Test
    void everyMemberGetsTheBytesOfAll() throws Exception {
        var results =
                Members.results(
                        Members.team(3),
                        member ->
                                member.gather(new byte[] {(byte) member.rank(), 7}).stream()
                                        .map(Arrays::toString)
                                        .toList());

        assertThat(results).containsOnly(List.of("[0, 7]", "[1, 7]", "[2, 7]")).hasSize(3);
    }

    /** Counts what it begins. */
    private static final class Counting extends ForwardingTeam {

        private int begun;

        Counting(Team team) {
            super(team);
        }

        @Override
        protected Transfer begin(
                Team over, List<List<MemorySegment>> sent, List<List<MemorySegment>> received) {
            begun++;
            return super.begin(over, sent, received);
        }
    }

    @Test
    void aTeamOverAnotherOneSeesAllThatTravels() throws Exception {
        var results =
                Members.results(
                        Members.team(3),
                        member -> {
                            var counting = new Counting(member);
                            assertThat(counting.rank()).isEqualTo(member.rank());
                            assertThat(counting.size()).isEqualTo(3);
                            assertThat(counting.timeout()).isEqualTo(member.timeout());
                            counting.exchange(
                                    pieces(member.rank(), _ -> MemorySegment.NULL),
                                    pieces(member.rank(), _ -> MemorySegment.NULL));
                            counting.gather(MemorySegment.NULL, new long[3]);
                            counting.gather(new byte[1]);
                            counting.barrier();
                            return counting.begun;
                        });

        assertThat(results).containsExactly(4, 4, 4);
    }

    @Test
    void channelsHaveOrdersOfTheirOwn() throws Exception {
        var results =
                Members.results(
                        Members.team(2),
                        member -> {
                            var channels = List.of(member.channel(), member.channel().channel());
                            var answers = new ArrayList<Future<List<byte[]>>>();
                            try (var threads = Executors.newCachedThreadPool()) {
                                for (int i = 0; i < 2; i++) {
                                    int channel = i ^ member.rank();
                                    byte own = (byte) (10 * member.rank() + channel);
                                    answers.add(
                                            threads.submit(
                                                    () ->
                                                            channels.get(channel)
                                                                    .gather(new byte[] {own})));
                                    // The other member begins with the other one.
                                    member.barrier();
                                }
                                return List.of(
                                        text(answers.get(member.rank()).get()),
                                        text(answers.get(1 - member.rank()).get()));
                            }
                        });

        assertThat(results).containsOnly(List.of("[0] [10]", "[1] [11]")).hasSize(2);
    }

    private static String text(List<byte[]> all) {
        return all.stream().map(Arrays::toString).collect(joining(" "));
    }

    @Test
    void membersThatMakeDifferentCallsAreToldWhich() throws Exception {
        var results =
                Members.results(
                        Members.team(2),
                        member -> {
                            try {
                                return member.gather(new byte[3 + member.rank()]);
                            } catch (TeamException e) {
                                return e.getMessage();
                            }
                        });

        assertThat(results)
                .hasSize(2)
                .containsAnyOf(
                        "members make different calls: member 0 sends 3 bytes to member 1, which"
                                + " expects 4",
                        "members make different calls: member 1 sends 4 bytes to member 0, which"
                                + " expects 3")
                .allMatch(results.getFirst()::equals);
    }

    @Test
    void memoryOfOneThreadIsRefusedAndTheTeamGoesOn() throws Exception {
        var results =
                Members.results(
                        Members.team(2),
                        member -> {
                            try (var arena = Arena.ofConfined()) {
                                var all = arena.allocate(2);
                                assertThatIllegalArgumentException()
                                        .isThrownBy(() -> member.gather(all, new long[] {1, 1}))
                                        .withMessageContaining("threads of other members");
                            }
                            return member.gather(new byte[1]).size();
                        });

        assertThat(results).containsExactly(2, 2);
    }

    @Test
    void aTeamOverAnotherOneEndsWithIt() throws Exception {
        var members = Members.team(2);
        var over = new Counting(members.getFirst());

        over.abort("done");

        assertThat(members.getLast().end()).isPresent();
        assertThat(over.end()).isEqualTo(members.getFirst().end());
    }

    @Test
    void everyMemberGetsWhatTheOthersHave() throws Exception {
        var results =
                Members.results(
                        Members.team(3),
                        member -> {
                            try (var arena = Arena.ofShared()) {
                                var all = arena.allocate(3);
                                if (member.rank() == 0) {
                                    all.set(ValueLayout.JAVA_SHORT_UNALIGNED, 0, (short) 0x0707);
                                } else if (member.rank() == 2) {
                                    all.set(ValueLayout.JAVA_BYTE, 2, (byte) 9);
                                }
                                member.gather(all, new long[] {2, 0, 1});
                                return all.toArray(ValueLayout.JAVA_BYTE);
                            }
                        });

        assertThat(results).hasSize(3).containsOnly(new byte[] {7, 7, 9});
    }

    @Test
    void whoWaitsInVainIsToldAndSoIsWhoComesLater() throws Exception {
        var team = LocalTeam.of(2, Duration.ofMillis(50));
        try (var arena = Arena.ofShared()) {
            var all = arena.allocate(2);
            assertThat(Members.results(team.subList(0, 1), member -> gather(member, all)))
                    .singleElement()
                    .isInstanceOf(TeamException.class)
                    .hasToString(
                            TeamException.class.getName()
                                    + ": member 0 waited PT0.05S for the others");
            assertThat(Members.results(team.subList(1, 2), member -> gather(member, all)))
                    .singleElement()
                    .isInstanceOf(TeamException.class)
                    .hasToString(
                            TeamException.class.getName()
                                    + ": member 0 waited PT0.05S for the others");
        }
    }

    @Test
    void whoGivesUpEndsTheTeamForAll() throws Exception {
        var team = Members.team(3);
        assertThat(team.getFirst().end()).isEmpty();
        try (var arena = Arena.ofShared()) {
            var found =
                    Members.results(
                            team,
                            member -> {
                                if (member.rank() == 1) {
                                    member.abort("out of paper");
                                    member.abort("a second reason");
                                }
                                member.barrier();
                                return 0;
                            });
            assertThat(found)
                    .hasSize(3)
                    .allSatisfy(
                            thrown ->
                                    assertThat((Throwable) thrown)
                                            .isInstanceOf(TeamException.class)
                                            .hasMessage("member 1 gave up: out of paper"));
            assertThatThrownBy(
                            () -> team.getFirst().gather(arena.allocate(3), new long[] {1, 1, 1}))
                    .hasMessage("member 1 gave up: out of paper");
        }
    }

    private static int gather(Team member, MemorySegment all) {
        member.gather(all, new long[] {1, 1});
        return 0;
    }

    @Test
    void aTeamHasMembers() {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> LocalTeam.of(0, Duration.ofSeconds(1)))
                .withMessage("a team has at least one member, but came 0");
    }
}
