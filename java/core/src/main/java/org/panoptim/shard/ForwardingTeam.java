package org.panoptim.shard;

import org.panoptim.internal.Arguments;

import java.lang.foreign.MemorySegment;
import java.time.Duration;
import java.util.List;
import java.util.Objects;
import java.util.Optional;

/**
 * A member of another team under the same number: what a subclass does not override, that one does.
 * {@link #exchange}, {@link #gather} and {@link #barrier} go through {@link #begin} of this one, by
 * which a subclass sees everything that travels.
 */
public abstract class ForwardingTeam implements Team {

    private final Team team;

    /** Over a team, which stays the caller's. */
    protected ForwardingTeam(Team team) {
        this.team = Objects.requireNonNull(team, "team");
    }

    /** The other one. */
    protected Team team() {
        return team;
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
        return team.begin(sent, received);
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
