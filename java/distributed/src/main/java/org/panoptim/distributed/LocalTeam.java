package org.panoptim.distributed;

import org.jspecify.annotations.Nullable;
import org.panoptim.shard.Team;
import org.panoptim.shard.TeamException;
import org.panoptim.shard.Transfer;

import java.lang.foreign.MemorySegment;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;

/** A member of a team in one process, each a thread's: for tests, and for several devices. */
public final class LocalTeam implements Team {

    /** Members copy from each other while a transfer begins. */
    private static final Transfer OVER = () -> {};

    private final int rank;
    private final Shared shared;
    private final Meeting meeting;

    /** Of this member. */
    private final AtomicInteger channels;

    /** Where members wait for each other in the calls of a channel, and what they show. */
    private static final class Meeting {

        /** What each member sends to each, for the length of a call. */
        private final List<List<List<MemorySegment>>> sent;

        private int arrived;
        private long round;

        Meeting(int size) {
            sent = new ArrayList<>(Collections.nCopies(size, List.of()));
        }
    }

    /** What members have in common; the lock of all meetings. */
    private static final class Shared {

        private final int size;
        private final Duration timeout;
        private final Map<Integer, Meeting> meetings = new HashMap<>();

        /** Why the team has ended; the first reason stays. */
        private @Nullable String end;

        Shared(int size, Duration timeout) {
            this.size = size;
            this.timeout = timeout;
        }

        synchronized Meeting meeting(int channel) {
            return meetings.computeIfAbsent(channel, _ -> new Meeting(size));
        }

        synchronized void show(
                Meeting meeting, int rank, List<? extends List<MemorySegment>> sent) {
            meeting.sent.set(rank, List.copyOf(sent));
        }

        synchronized void await(Meeting meeting, int rank) {
            requireOpen();
            long own = meeting.round;
            if (++meeting.arrived == size) {
                meeting.arrived = 0;
                meeting.round++;
                notifyAll();
                return;
            }
            long until = System.nanoTime() + timeout.toNanos();
            while (meeting.round == own && end == null) {
                long left = until - System.nanoTime();
                if (left <= 0) {
                    end("member %d waited %s for the others".formatted(rank, timeout));
                } else {
                    sleep(rank, left);
                }
            }
            if (meeting.round == own) {
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

        synchronized void requireOpen() {
            if (end != null) {
                throw new TeamException(end);
            }
        }
    }

    private LocalTeam(int rank, Shared shared, AtomicInteger channels) {
        this.rank = rank;
        this.shared = shared;
        this.channels = channels;
        meeting = shared.meeting(channels.getAndIncrement());
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
                .<Team>mapToObj(rank -> new LocalTeam(rank, shared, new AtomicInteger()))
                .toList();
    }

    @Override
    public int rank() {
        return rank;
    }

    @Override
    public int size() {
        return shared.size;
    }

    /**
     * {@inheritDoc}
     *
     * @throws IllegalArgumentException if there is not a list for each member, or memory is of one
     *     thread alone; the others wait for this one then
     */
    @Override
    public Transfer begin(List<List<MemorySegment>> sent, List<List<MemorySegment>> received) {
        Pieces.require("sent", sent, size());
        Pieces.require("received", received, size());
        requireShareable(sent);
        shared.show(meeting, rank, sent);
        shared.await(meeting, rank);
        for (int member = 0; member < size(); member++) {
            take(member, received.get(member));
        }
        shared.await(meeting, rank);
        shared.show(meeting, rank, List.of());
        return OVER;
    }

    private static void requireShareable(List<List<MemorySegment>> sent) {
        var other = Thread.ofVirtual().unstarted(() -> {});
        for (var ofMember : sent) {
            for (var piece : ofMember) {
                if (!piece.isAccessibleBy(other)) {
                    throw new IllegalArgumentException(
                            "sent must be memory that the threads of other members can read, but"
                                    + " has "
                                    + piece);
                }
            }
        }
    }

    /** Copies what another member sends to this one. */
    private void take(int member, List<MemorySegment> received) {
        var pieces = meeting.sent.get(member).get(rank);
        if (!Pieces.sizes(pieces).equals(Pieces.sizes(received))) {
            shared.end(Pieces.differ(member, Pieces.bytes(pieces), rank, Pieces.bytes(received)));
            shared.requireOpen();
        }
        try {
            for (int i = 0; i < pieces.size(); i++) {
                received.get(i).copyFrom(pieces.get(i));
            }
        } catch (IllegalStateException e) {
            // Who has failed may have let go of its memory already.
            shared.end("member %d has closed what it sends".formatted(member));
            throw new TeamException(shared.ended().orElseThrow(), e);
        }
    }

    @Override
    public Team channel() {
        return new LocalTeam(rank, shared, channels);
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
