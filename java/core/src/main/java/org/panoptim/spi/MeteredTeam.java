package org.panoptim.spi;

import org.panoptim.internal.Arguments;
import org.panoptim.shard.Team;
import org.panoptim.shard.Transfer;

import java.lang.foreign.MemorySegment;
import java.time.Duration;
import java.util.List;
import java.util.Objects;
import java.util.Optional;

/** The team of a plan's shares, which counts what it is asked for. */
public final class MeteredTeam implements Team {

    private final Team team;
    private long sentBytes;
    private long receivedBytes;
    private long waitedNanos;

    /** Over a team, which stays the caller's. */
    public MeteredTeam(Team team) {
        this.team = Objects.requireNonNull(team, "team");
    }

    /** Counts from nothing. */
    public void clear() {
        sentBytes = 0;
        receivedBytes = 0;
        waitedNanos = 0;
    }

    /** Bytes to all other members. */
    public long sentBytes() {
        return sentBytes;
    }

    /** Bytes from all other members. */
    public long receivedBytes() {
        return receivedBytes;
    }

    /** How long calls took, in nanoseconds. */
    public long waitedNanos() {
        return waitedNanos;
    }

    /** The team itself: a backend that knows it may have other ways to it. */
    public Team team() {
        return team;
    }

    /** Counts what a backend has moved by such a way. */
    public void count(long sent, long received, long nanos) {
        sentBytes += sent;
        receivedBytes += received;
        waitedNanos += nanos;
    }

    @Override
    public int rank() {
        return team.rank();
    }

    @Override
    public int size() {
        return team.size();
    }

    @Override
    public Transfer begin(List<List<MemorySegment>> sent, List<List<MemorySegment>> received) {
        Arguments.requireElements(sent, "sent");
        Arguments.requireElements(received, "received");
        long from = System.nanoTime();
        var transfer = team.begin(sent, received);
        waitedNanos += System.nanoTime() - from;
        sentBytes += bytes(sent);
        receivedBytes += bytes(received);
        return () -> await(transfer);
    }

    private void await(Transfer transfer) {
        long from = System.nanoTime();
        transfer.await();
        waitedNanos += System.nanoTime() - from;
    }

    private static long bytes(List<List<MemorySegment>> pieces) {
        long bytes = 0;
        for (var ofMember : pieces) {
            for (var piece : ofMember) {
                bytes += piece.byteSize();
            }
        }
        return bytes;
    }

    @Override
    public void abort(String reason) {
        team.abort(Objects.requireNonNull(reason, "reason"));
    }

    @Override
    public Optional<String> end() {
        return team.end();
    }

    @Override
    public Duration timeout() {
        return team.timeout();
    }
}
