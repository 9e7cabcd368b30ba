package org.panoptim.distributed;

import org.jspecify.annotations.Nullable;
import org.panoptim.shard.Team;
import org.panoptim.shard.TeamException;

import java.lang.foreign.MemorySegment;
import java.time.Duration;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;

/** A member of a team in one process, each a thread's: for tests, and for several devices. */
public final class LocalTeam implements Team {

    private final int rank;
    private final Shared shared;

    /** What a member shows the others for the length of a call. */
    private record Shown(MemorySegment memory, long[] bytes) {

        /** The part that is for a member, or a member's own. */
        MemorySegment part(int member) {
            long from = 0;
            for (int i = 0; i < member; i++) {
                from += bytes[i];
            }
            return memory.asSlice(from, bytes[member]);
        }
    }

    /** What members have in common: what they show, and where they wait for each other. */
    private static final class Shared {

        private final Shown[] shown;
        private final Duration timeout;
        private int arrived;
        private long round;

        /** Why the team has ended; the first reason stays. */
        private @Nullable String end;

        Shared(int size, Duration timeout) {
            shown = new Shown[size];
            this.timeout = timeout;
        }

        synchronized void await(int rank) {
            requireOpen();
            long own = round;
            if (++arrived == shown.length) {
                arrived = 0;
                round++;
                notifyAll();
                return;
            }
            long until = System.nanoTime() + timeout.toNanos();
            while (round == own && end == null) {
                long left = until - System.nanoTime();
                if (left <= 0) {
                    end("member %d waited %s for the others".formatted(rank, timeout));
                } else {
                    sleep(rank, left);
                }
            }
            if (round == own) {
                requireOpen();
            }
        }

        private void sleep(int rank, long nanoseconds) {
            try {
                TimeUnit.NANOSECONDS.timedWait(this, nanoseconds);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                end("member %d was interrupted".formatted(rank));
            }
        }

        synchronized void end(String reason) {
            if (end == null) {
                end = reason;
                notifyAll();
            }
        }

        private void requireOpen() {
            if (end != null) {
                throw new TeamException(end);
            }
        }
    }

    private LocalTeam(int rank, Shared shared) {
        this.rank = rank;
        this.shared = shared;
    }

    /**
     * A team.
     *
     * @param size how many members there are, at least one
     * @param timeout how long a call waits for the others
     */
    public static List<Team> of(int size, Duration timeout) {
        if (size < 1) {
            throw new IllegalArgumentException("a team has at least one member, but came " + size);
        }
        var shared = new Shared(size, Objects.requireNonNull(timeout, "timeout"));
        return IntStream.range(0, size)
                .<Team>mapToObj(rank -> new LocalTeam(rank, shared))
                .toList();
    }

    @Override
    public int rank() {
        return rank;
    }

    @Override
    public int size() {
        return shared.shown.length;
    }

    @Override
    public void exchange(
            MemorySegment sent, long[] sentBytes, MemorySegment received, long[] receivedBytes) {
        shared.shown[rank] = new Shown(sent, sentBytes.clone());
        shared.await(rank);
        long at = 0;
        for (int member = 0; member < size(); member++) {
            var part = shared.shown[member].part(rank);
            received.asSlice(at, receivedBytes[member]).copyFrom(part);
            at += receivedBytes[member];
        }
        shared.await(rank);
    }

    @Override
    public void gather(MemorySegment all, long[] bytes) {
        var own = new Shown(all, bytes.clone());
        shared.shown[rank] = own;
        shared.await(rank);
        for (int member = 0; member < size(); member++) {
            if (member != rank) {
                own.part(member).copyFrom(shared.shown[member].part(member));
            }
        }
        shared.await(rank);
    }

    @Override
    public void abort(String reason) {
        shared.end(
                "member %d gave up: %s".formatted(rank, Objects.requireNonNull(reason, "reason")));
    }

    @Override
    public Duration timeout() {
        return shared.timeout;
    }
}
