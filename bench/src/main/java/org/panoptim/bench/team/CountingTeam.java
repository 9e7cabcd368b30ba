package org.panoptim.bench.team;

import org.panoptim.shard.ForwardingTeam;
import org.panoptim.shard.Team;
import org.panoptim.shard.Transfer;

import java.lang.foreign.MemorySegment;
import java.util.List;

/** Counts what a member sends to the others. */
final class CountingTeam extends ForwardingTeam {

    private long bytes;
    private int calls;

    CountingTeam(Team team) {
        super(team);
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
    protected Transfer begin(
            Team over, List<List<MemorySegment>> sent, List<List<MemorySegment>> received) {
        calls++;
        sent.forEach(pieces -> pieces.forEach(piece -> bytes += piece.byteSize()));
        return super.begin(over, sent, received);
    }
}
