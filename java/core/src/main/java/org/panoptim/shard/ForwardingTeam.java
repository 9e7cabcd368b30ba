package org.panoptim.shard;

import org.panoptim.internal.Arguments;

import java.lang.foreign.MemorySegment;
import java.time.Duration;
import java.util.List;
import java.util.Objects;
import java.util.Optional;

/**
 * A member of another team under the same number: what a subclass does not override, that one does.
 * Everything that travels goes through {@link #begin(Team, List, List)}, that of {@linkplain
 * #channel channels}, too.
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
    public final Transfer begin(
            List<List<MemorySegment>> sent, List<List<MemorySegment>> received) {
        Arguments.requireElements(sent, "sent");
        Arguments.requireElements(received, "received");
        return begin(team, sent, received);
    }

    /**
     * Begins a transfer.
     *
     * @param over the other team, or a channel of it
     */
    protected Transfer begin(
            Team over, List<List<MemorySegment>> sent, List<List<MemorySegment>> received) {
        return over.begin(sent, received);
    }

    /** Over a channel of the other team. */
    @Override
    public Team channel() {
        return new Channel(this, team.channel());
    }

    /** One whose transfers are begun as those of the whole. */
    private static final class Channel extends ForwardingTeam {

        private final ForwardingTeam whole;

        Channel(ForwardingTeam whole, Team channel) {
            super(channel);
            this.whole = whole;
        }

        @Override
        protected Transfer begin(
                Team over, List<List<MemorySegment>> sent, List<List<MemorySegment>> received) {
            return whole.begin(over, sent, received);
        }

        @Override
        public void abort(String reason) {
            whole.abort(reason);
        }

        @Override
        public Optional<String> end() {
            return whole.end();
        }
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
