package org.panoptim.cli.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.bytedeco.pytorch.global.torch;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.panoptim.cli.train.TeamMember.Leaf;
import org.panoptim.distributed.LocalTeam;
import org.panoptim.shard.TeamException;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Executors;
import java.util.function.Function;

class TeamMemberTest {

    private static List<TeamMember> members(int count, int leaves) {
        return LocalTeam.of(count, Duration.ofSeconds(60)).stream()
                .map(team -> new TeamMember(team, leaves))
                .toList();
    }

    /** What each found, all at the same time. */
    private static <T> List<T> found(int count, Function<TeamMember, T> work) throws Exception {
        try (var threads = Executors.newFixedThreadPool(count)) {
            var tasks =
                    members(count, count).stream()
                            .<Callable<T>>map(member -> () -> work.apply(member))
                            .toList();
            var found = new ArrayList<T>();
            for (var task : threads.invokeAll(tasks)) {
                found.add(task.get());
            }
            return found;
        }
    }

    @Test
    void aBatchIsCutIntoLeavesOfTheSameWeight() {
        assertThat(members(1, 4).getFirst().leavesOf(32))
                .containsExactly(
                        new Leaf(0, 0, 8, 1),
                        new Leaf(1, 8, 8, 1),
                        new Leaf(2, 16, 8, 1),
                        new Leaf(3, 24, 8, 1));
    }

    @Test
    void aLeafWithMoreExamplesCountsForMore() {
        assertThat(members(1, 4).getFirst().leavesOf(6))
                .containsExactly(
                        new Leaf(0, 0, 1, 4 / 6.0),
                        new Leaf(1, 1, 2, 8 / 6.0),
                        new Leaf(2, 3, 1, 4 / 6.0),
                        new Leaf(3, 4, 2, 8 / 6.0));
        assertThat(members(1, 4).getFirst().leavesOf(1))
                .extracting(Leaf::count)
                .containsExactly(0L, 0L, 0L, 1L);
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 4, 8})
    void theLeavesAreTheSameForAnyNumberOfMembers(int count) {
        assertThat(members(count, 8).stream().flatMap(each -> each.leavesOf(30).stream()))
                .containsExactlyElementsOf(members(1, 8).getFirst().leavesOf(30));
    }

    @Test
    void whatIsSoForOneIsSoForAll() throws Exception {
        assertThat(found(3, member -> member.any(member.team().rank() == 2))).containsOnly(true);
        assertThat(found(3, member -> member.any(false))).containsOnly(false);
    }

    @Test
    void theFirstMembersNumbersAreEverybodys() throws Exception {
        assertThat(
                        found(
                                3,
                                member ->
                                        member.ofFirst(
                                                2, () -> new double[] {member.team().rank(), 0.5})))
                .hasSize(3)
                .containsOnly(new double[] {0, 0.5});
    }

    @Test
    void everybodyHasTheNumbersOfAllInTheirOrder() throws Exception {
        assertThat(found(3, member -> member.all(member.team().rank(), 7)))
                .hasSize(3)
                .containsOnly(new double[] {0, 7, 1, 7, 2, 7});
    }

    @Test
    void whatIsDrawnForALeafDependsOnSeedStepAndLeafAlone() {
        var alone = members(1, 8).getFirst();
        var third = members(4, 8).get(2);
        var leaf = third.leavesOf(30).get(1);
        int drawn = drawn(third, 1, 7, leaf);

        assertThat(drawn(alone, 1, 7, alone.leavesOf(30).get(5))).isEqualTo(drawn);
        assertThat(
                        List.of(
                                drawn(third, 2, 7, leaf),
                                drawn(third, 1, 8, leaf),
                                drawn(third, 1, 7, third.leavesOf(30).get(0))))
                .doesNotContain(drawn);
    }

    private static int drawn(TeamMember member, long seed, long step, Leaf leaf) {
        member.seedEngine(seed, step, leaf);
        return torch.randint(Integer.MAX_VALUE, new long[] {1}).item_int();
    }

    @Test
    void whoHasSomethingElseIsNamed() throws Exception {
        assertThat(
                        found(
                                3,
                                member -> {
                                    member.requireAlike("weather", new byte[] {1, 2});
                                    return true;
                                }))
                .containsOnly(true);
        assertThatThrownBy(
                        () ->
                                found(
                                        3,
                                        member -> {
                                            int other = member.team().rank() == 2 ? 3 : 2;
                                            member.requireAlike(
                                                    "weather", new byte[] {1, (byte) other});
                                            return true;
                                        }))
                .isInstanceOf(ExecutionException.class)
                .cause()
                .isInstanceOf(TeamException.class)
                .hasMessage("member 2 has other weather than member 0");
    }
}
