package org.panoptim.simd;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.panoptim.simd.bindings.NativeLibrary;
import org.panoptim.spi.ArenaSet;

import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.List;

/** Arenas cannot be closed while something that uses their memory runs. */
class ArenaHoldTest {

    private final Arena life = Arena.ofShared();
    private final ArenaHold hold = new ArenaHold(life);

    @BeforeAll
    static void load() {
        assertThat(NativeLibrary.get().file()).isPresent();
    }

    @AfterEach
    void close() {
        life.close();
    }

    private static ArenaSet of(List<Arena> arenas) {
        var set = new ArenaSet();
        arenas.forEach(arena -> set.add(arena.allocate(4)));
        return set;
    }

    private static List<Arena> shared(int count) {
        var arenas = new ArrayList<Arena>();
        for (int i = 0; i < count; i++) {
            arenas.add(Arena.ofShared());
        }
        return arenas;
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 7, 8, 9, 16, 17, 100, ArenaHold.MOST})
    void noneOfThemCanBeClosedMeanwhileAndAllOfThemAfterwards(int count) {
        var arenas = shared(count);
        var refused = new ArrayList<Arena>();
        hold.run(
                of(arenas),
                () -> {
                    for (var arena : arenas) {
                        assertThatThrownBy(arena::close).isInstanceOf(IllegalStateException.class);
                        refused.add(arena);
                    }
                });
        assertThat(refused).hasSize(count);
        arenas.forEach(Arena::close);
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 8, 9, 20})
    void ifTheLastOfThemIsClosedNothingIsRun(int count) {
        var arenas = shared(count);
        var set = of(arenas);
        arenas.getLast().close();
        var runs = new ArrayList<String>();
        assertThatThrownBy(() -> hold.run(set, () -> runs.add("run")))
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContainingAll("closed", "nothing was changed");
        assertThat(runs).isEmpty();
        arenas.subList(0, count - 1).forEach(Arena::close);
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 1, 9})
    void whatItRunsMayThrowAndTheArenasAreFreeAgain(int count) {
        var arenas = shared(count);
        var set = of(arenas);
        for (var thrown :
                List.of(new IllegalArgumentException("planted"), new StackOverflowError())) {
            assertThatThrownBy(
                            () ->
                                    hold.run(
                                            set,
                                            () -> {
                                                ArenaHoldTest.<RuntimeException>sneak(thrown);
                                            }))
                    .isSameAs(thrown);
        }
        hold.run(set, () -> {});
        arenas.forEach(Arena::close);
    }

    @SuppressWarnings("unchecked")
    private static <T extends Throwable> void sneak(Throwable thrown) throws T {
        throw (T) thrown;
    }

    @Test
    void memoryThatIsNeverFreedNeedsNoHolding() {
        var set = of(List.of(Arena.global(), Arena.global()));
        assertThat(set.size()).isZero();
    }

    @Test
    void anArenaCountsOnceHoweverManySegmentsItHas() {
        try (var one = Arena.ofShared();
                var other = Arena.ofConfined()) {
            var set = new ArenaSet();
            for (int i = 0; i < 1000; i++) {
                set.add(one.allocate(4));
                set.add(other.allocate(4));
            }
            assertThat(set.size()).isEqualTo(2);
            set.clear();
            assertThat(set.size()).isZero();
            set.add(other.allocate(4));
            assertThat(set.size()).isEqualTo(1);
        }
    }
}
