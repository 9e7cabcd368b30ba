package org.panoptim.bench.team;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.panoptim.distributed.LocalTeam;

import java.lang.foreign.Arena;
import java.time.Duration;
import java.util.List;

class CountingTeamTest {

    @Test
    void onlyWhatLeavesAMemberIsCounted() throws Exception {
        var members = LocalTeam.of(2, Duration.ofSeconds(30));
        var counting = members.stream().map(CountingTeam::new).toList();
        var other = Thread.ofPlatform().start(() -> use(counting.get(1)));
        use(counting.get(0));
        other.join();

        // Member 0 sends 3 of its 5 bytes and 7 of 7; member 1 sends 2 of 6 and 4 of 4.
        assertThat(counting).extracting(CountingTeam::bytes).isEqualTo(List.of(10L, 6L));
        assertThat(counting).extracting(CountingTeam::calls).containsExactly(2, 2);
        counting.getFirst().reset();
        assertThat(counting.getFirst().bytes()).isZero();
        assertThat(counting.getFirst().calls()).isZero();
    }

    private static void use(CountingTeam team) {
        try (var arena = Arena.ofShared()) {
            boolean first = team.rank() == 0;
            long[] sent = first ? new long[] {2, 3} : new long[] {2, 4};
            long[] received = first ? new long[] {2, 2} : new long[] {3, 4};
            team.exchange(arena.allocate(7), sent, arena.allocate(7), received);
            team.gather(arena.allocate(11), new long[] {7, 4});
        }
    }
}
