package org.panoptim.distributed;

import org.jspecify.annotations.Nullable;
import org.panoptim.shard.Team;
import org.panoptim.shard.TeamException;
import org.panoptim.shard.Transfer;

import java.lang.foreign.MemorySegment;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;

/** A member of a team in one process, each a thread's: for tests, and for several devices. */
public final class LocalTeam implements Team {

    /** Members copy from each other while a transfer begins. */
    private static final Transfer OVER = () -> {};

    private final int rank;
    private final Shared shared;

    /** What members have in common: what they show, and where they wait for each other. */
    private static final class Shared {

        /** What each member sends to each, for the length of a call. */
        private final List<List<List<MemorySegment>>> sent;

        private final Duration timeout;
        private int arrived;
        private long round;

        /** Why the team has ended; the first reason stays. */
        private @Nullable String end;

        Shared(int size, Duration timeout) {
            sent = new ArrayList<>(Collections.nCopies(size, List.of()));
            this.timeout = timeout;
        }

        synchronized void await(int rank) {
            requireOpen();
            long own = round;
            if (++arrived == sent.size()) {
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

        synchronized Optional<String> ended() {
            return Optional.ofNullable(end);
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
        return shared.sent.size();
    }

    @Override
    public Transfer begin(List<List<MemorySegment>> sent, List<List<MemorySegment>> received) {
        shared.sent.set(rank, List.copyOf(sent));
        shared.await(rank);
        for (int member = 0; member < size(); member++) {
            var pieces = shared.sent.get(member).get(rank);
            for (int i = 0; i < pieces.size(); i++) {
                received.get(member).get(i).copyFrom(pieces.get(i));
            }
        }
        shared.await(rank);
        return OVER;
    }

    @Override
    public void abort(String reason) {
        shared.end(
                "member %d gave up: %s".formatted(rank, Objects.requireNonNull(reason, "reason")));
    }

    @Override
    public Optional<String> end() {
        return shared.ended();
    }

    @Override
    public Duration timeout() {
        return shared.timeout;
    }
}
