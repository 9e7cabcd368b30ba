package org.panoptim.internal.shard;

import org.panoptim.shard.Team;
import org.panoptim.shard.Transfer;

import java.lang.foreign.MemorySegment;
import java.time.Duration;
import java.util.List;

/** A team that counts what it is asked for. */
final class MeteredTeam implements Team {

    private final Team team;
    private long sentBytes;
    private long receivedBytes;
    private long waitedNanos;

    MeteredTeam(Team team) {
        this.team = team;
    }

    /** Counts from nothing. */
    void clear() {
        sentBytes = 0;
        receivedBytes = 0;
        waitedNanos = 0;
    }

    long sentBytes() {
        return sentBytes;
    }

    long receivedBytes() {
        return receivedBytes;
    }

    /** How long calls took, in nanoseconds. */
    long waitedNanos() {
        return waitedNanos;
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
        team.abort(reason);
    }

    @Override
    public Duration timeout() {
        return team.timeout();
    }
}
