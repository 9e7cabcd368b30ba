package org.panoptim.bench.team;

import org.panoptim.shard.Team;
import org.panoptim.shard.Transfer;

import java.lang.foreign.MemorySegment;
import java.time.Duration;
import java.util.List;
import java.util.Optional;

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

    /** Bytes that have left this member. */
    long bytes() {
        return bytes;
    }

    /** Transfers. */
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
    public Transfer begin(List<List<MemorySegment>> sent, List<List<MemorySegment>> received) {
        calls++;
        sent.forEach(pieces -> pieces.forEach(piece -> bytes += piece.byteSize()));
        return team.begin(sent, received);
    }

    @Override
    public void abort(String reason) {
        team.abort(reason);
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
