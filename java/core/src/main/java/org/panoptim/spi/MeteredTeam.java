package org.panoptim.spi;

import org.panoptim.shard.ForwardingTeam;
import org.panoptim.shard.Team;
import org.panoptim.shard.Transfer;

import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Objects;

/** The team of a plan's shares, which counts what it is asked for. */
public final class MeteredTeam extends ForwardingTeam {

    private final Team given;
    private long sentBytes;
    private long receivedBytes;
    private long waitedNanos;

    /** Over a channel of a team, which stays the caller's. */
    public MeteredTeam(Team given) {
        super(Objects.requireNonNull(given, "given").channel());
        this.given = given;
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

    /** The team whose channel this is. */
    public Team given() {
        return given;
    }

    /** The channel itself: a backend that knows it may have other ways to it. */
    @Override
    public Team team() {
        return super.team();
    }

    /** Counts what a backend has moved by such a way. */
    public void count(long sent, long received, long nanos) {
        sentBytes += sent;
        receivedBytes += received;
        waitedNanos += nanos;
    }

    @Override
    protected Transfer begin(
            Team over, List<List<MemorySegment>> sent, List<List<MemorySegment>> received) {
        long from = System.nanoTime();
        var transfer = super.begin(over, sent, received);
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
}
