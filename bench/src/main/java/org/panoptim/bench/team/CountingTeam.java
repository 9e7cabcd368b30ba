package org.panoptim.bench.team;

import org.panoptim.shard.Team;

import java.lang.foreign.MemorySegment;
import java.time.Duration;

/** Counts what a member sends to the others. */
final class CountingTeam implements Team {

    private final Team team;
    private long bytes;
    private int calls;

    CountingTeam(Team team) {
        this.team = team;
    }

    /** Begins anew. */
    void reset() {
        bytes = 0;
        calls = 0;
    }

    /** Bytes that have left this member; what it keeps for itself is not among them. */
    long bytes() {
        return bytes;
    }

    /** Exchanges and gathers. */
    int calls() {
        return calls;
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
    public void exchange(
            MemorySegment sent, long[] sentBytes, MemorySegment received, long[] receivedBytes) {
        team.exchange(sent, sentBytes, received, receivedBytes);
        calls++;
        for (int member = 0; member < size(); member++) {
            bytes += member == rank() ? 0 : sentBytes[member];
        }
    }

    @Override
    public void gather(MemorySegment all, long[] parts) {
        team.gather(all, parts);
        calls++;
        bytes += (size() - 1) * parts[rank()];
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
