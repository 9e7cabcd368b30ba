package org.panoptim.bench.team;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.panoptim.distributed.LocalTeam;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
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

        // Member 0 sends two pieces of 1 and 2 bytes, and 7; member 1 sends 3 and 1, and 4.
        assertThat(counting).extracting(CountingTeam::bytes).isEqualTo(List.of(10L, 8L));
        assertThat(counting).extracting(CountingTeam::calls).containsExactly(2, 2);
        counting.getFirst().reset();
        assertThat(counting.getFirst().bytes()).isZero();
        assertThat(counting.getFirst().calls()).isZero();
    }

    private static void use(CountingTeam team) {
        try (var arena = Arena.ofShared()) {
            boolean first = team.rank() == 0;
            var ofFirst = List.of(arena.allocate(1), arena.allocate(2));
            var ofSecond = List.of(arena.allocate(3), arena.allocate(1));
            List<MemorySegment> none = List.of();
            team.exchange(
                    first ? List.of(none, ofFirst) : List.of(ofSecond, none),
                    first ? List.of(none, ofSecond) : List.of(ofFirst, none));
            team.gather(arena.allocate(11), new long[] {7, 4});
        }
    }
}
