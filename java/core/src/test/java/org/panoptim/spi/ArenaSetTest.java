package org.panoptim.spi;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.ref.WeakReference;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.stream.Stream;

/** The arenas in which memory lies, each once. */
class ArenaSetTest {

    private static final int MANY = 100;

    private final ArenaSet arenas = new ArenaSet();

    private static List<Arena> many() {
        return Stream.generate(Arena::ofShared).limit(MANY).toList();
    }

    private void addAll(List<Arena> all) {
        all.forEach(arena -> arenas.add(arena.allocate(4)));
    }

    @Test
    void ofManyArenasEachIsThereOnceHoweverOftenItsMemoryIsAdded() {
        var all = many();
        addAll(all);
        addAll(all);
        addAll(all.reversed());
        assertThat(arenas.size()).isEqualTo(MANY);
        for (int i = 0; i < MANY; i++) {
            assertThat(arenas.segment(i).scope()).isSameAs(all.get(i).allocate(4).scope());
        }
        all.forEach(Arena::close);
    }

    @Test
    void memoryThatIsNeverFreedOrOnTheHeapHasNone() {
        arenas.add(MemorySegment.ofArray(new float[1]));
        arenas.add(Arena.global().allocate(4));
        assertThat(arenas.size()).isZero();
    }

    @Test
    void aThreadMayUseThemIfItMayUseEach() {
        var all = many();
        addAll(all);
        assertThat(arenas.isAccessibleBy(Thread.currentThread())).isTrue();
        all.get(MANY / 2).close();
        assertThat(arenas.isAccessibleBy(Thread.currentThread())).isFalse();
        arenas.clear();
        try (var own = Arena.ofConfined()) {
            arenas.add(own.allocate(4));
            assertThat(arenas.isAccessibleBy(Thread.currentThread())).isTrue();
            assertThat(
                            CompletableFuture.supplyAsync(
                                            () -> arenas.isAccessibleBy(Thread.currentThread()))
                                    .join())
                    .isFalse();
        }
    }

    @Test
    void oneThatWasTakenOutIsNotAskedAnyMoreAndCanBeAddedAgain() {
        var all = many();
        addAll(all);
        arenas.clear();
        assertThat(arenas.size()).isZero();
        addAll(all.subList(0, 3));
        all.subList(3, MANY).forEach(Arena::close);
        assertThat(arenas.isAccessibleBy(Thread.currentThread())).isTrue();
        assertThat(arenas.size()).isEqualTo(3);
    }

    @Test
    void memoryThatTheCollectorFreesIsNotKeptByASetThatWasCleared() throws InterruptedException {
        var segment = new WeakReference<>(addAutomatic());
        arenas.clear();
        var end = Instant.now().plus(Duration.ofSeconds(20));
        while (segment.get() != null && Instant.now().isBefore(end)) {
            System.gc();
            Thread.sleep(10);
        }
        assertThat(segment.get()).isNull();
    }

    private MemorySegment addAutomatic() {
        var segment = Arena.ofAuto().allocate(4);
        arenas.add(segment);
        return segment;
    }
}
