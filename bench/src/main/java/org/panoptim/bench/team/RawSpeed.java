package org.panoptim.bench.team;

import org.panoptim.shard.Team;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.stream.IntStream;

/** How fast a member exchanges bytes and copies them, with nothing else to do. */
final class RawSpeed implements AutoCloseable {

    private final Arena arena = Arena.ofShared();
    private final Team team;
    private MemorySegment first = MemorySegment.NULL;
    private MemorySegment second = MemorySegment.NULL;

    RawSpeed(Team team) {
        this.team = team;
    }

    /** Seconds of an exchange of so many bytes with each other member, once all are there. */
    double exchange(long bytes) {
        ensure(bytes * team.size());
        var sent = parts(first, bytes);
        var received = parts(second, bytes);
        team.barrier();
        long start = System.nanoTime();
        team.exchange(sent, received);
        return seconds(start);
    }

    private List<List<MemorySegment>> parts(MemorySegment memory, long bytes) {
        return IntStream.range(0, team.size())
                .mapToObj(
                        member ->
                                member == team.rank()
                                        ? List.<MemorySegment>of()
                                        : List.of(memory.asSlice(member * bytes, bytes)))
                .toList();
    }

    /** Seconds in which all threads that this process may have copy so many bytes. */
    double copy(long bytes) {
        ensure(bytes);
        int threads = Runtime.getRuntime().availableProcessors();
        team.barrier();
        long start = System.nanoTime();
        IntStream.range(0, threads)
                .parallel()
                .forEach(
                        thread -> {
                            long from = bytes * thread / threads;
                            long to = bytes * (thread + 1) / threads;
                            MemorySegment.copy(first, from, second, from, to - from);
                        });
        return seconds(start);
    }

    private static double seconds(long start) {
        return (System.nanoTime() - start) / 1e9;
    }

    private void ensure(long bytes) {
        if (first.byteSize() < bytes) {
            first = arena.allocate(bytes, 64).fill((byte) 1);
            second = arena.allocate(bytes, 64).fill((byte) 2);
        }
    }

    @Override
    public void close() {
        arena.close();
    }
}
