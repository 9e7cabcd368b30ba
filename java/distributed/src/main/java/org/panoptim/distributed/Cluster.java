package org.panoptim.distributed;

import org.panoptim.shard.ForwardingTeam;
import org.panoptim.shard.Team;
import org.panoptim.shard.TeamException;
import org.panoptim.shard.Transfer;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.time.Duration;
import java.util.List;
import java.util.Objects;
import java.util.Optional;

/**
 * A process's place in a team of processes, on one machine or many: PyTorch's c10d with Gloo
 * carries the bytes.
 *
 * <p>It needs the libraries of bytedeco's {@code pytorch} for the platform. Gloo uses the network
 * interface by which the first member is reached, or that which {@code GLOO_SOCKET_IFNAME} names.
 * Beside Gloo's own connections every member keeps one to the first, by which it learns who of the
 * others is gone, silent or has given up, and why. What travels is not encrypted: a cluster belongs
 * into a network of its own.
 *
 * <p>Once the team has ended, by whatever member, it is of no use: close it, and join a new one.
 */
public final class Cluster implements Team, AutoCloseable {

    private final Membership membership;
    private final Watch watch;
    private final Gloo gloo;
    private final Calls calls = new Calls();
    private final Calls.Channel channel = calls.channel();
    private volatile boolean closed;

    private Cluster(Membership membership) throws IOException {
        this.membership = membership;
        var store = new Rendezvous(membership);
        try {
            watch = Watch.join(membership, store, calls);
            try {
                gloo = new Gloo(membership, store, watch.address());
            } catch (RuntimeException e) {
                var reason = watch.reason(false, Gloo.firstLine(e));
                watch.close();
                throw new TeamException("%s could not join: %s".formatted(membership, reason), e);
            }
        } catch (IOException | RuntimeException | Error e) {
            store.close();
            throw e;
        }
        watch.onEnd(gloo::abort);
    }

    /**
     * Joins the team that the {@linkplain Membership#fromEnvironment environment} tells of.
     *
     * @throws IllegalStateException if it tells of none
     * @throws TeamException as {@link #join} does
     */
    public static Cluster fromEnvironment() {
        return join(Membership.fromEnvironment());
    }

    /**
     * Joins a team; returns when all members have.
     *
     * @throws TeamException if a member does not come in time, or the first is not reached; the
     *     message says which
     */
    public static Cluster join(Membership membership) {
        try {
            var cluster = new Cluster(Objects.requireNonNull(membership, "membership"));
            try {
                // Who has joined may leave again: not before all are connected.
                cluster.barrier();
                return cluster;
            } catch (RuntimeException | Error e) {
                cluster.close();
                throw e;
            }
        } catch (TeamException e) {
            throw e;
        } catch (IOException | RuntimeException e) {
            throw new TeamException(
                    "%s could not join: %s".formatted(membership, Gloo.firstLine(e)), e);
        }
    }

    @Override
    public int rank() {
        return membership.rank();
    }

    @Override
    public int size() {
        return membership.size();
    }

    /** This member's number among those of its machine: that of its device, if it has one. */
    public int localRank() {
        return membership.localRank();
    }

    @Override
    public Optional<String> end() {
        return watch.end();
    }

    @Override
    public Duration timeout() {
        return membership.timeout();
    }

    /**
     * {@inheritDoc}
     *
     * @throws IllegalArgumentException if there is not a list for each member, or memory is not
     *     native; the others wait for this one then
     */
    @Override
    public Transfer begin(List<List<MemorySegment>> sent, List<List<MemorySegment>> received) {
        return begin(channel, sent, received);
    }

    private Transfer begin(
            Calls.Channel by, List<List<MemorySegment>> sent, List<List<MemorySegment>> received) {
        require("sent", sent);
        require("received", received);
        if (closed) {
            throw new IllegalStateException("the cluster is closed");
        }
        watch.requireOpen();
        var call = by.begin(sent, received);
        try {
            var transfer = gloo.begin(by.number(), sent, received);
            return () -> await(transfer, call);
        } catch (RuntimeException e) {
            throw failed(e, call.nanos());
        }
    }

    private void require(String name, List<List<MemorySegment>> pieces) {
        Pieces.require(name, pieces, size());
        for (var ofMember : pieces) {
            for (var piece : ofMember) {
                if (!piece.isNative()) {
                    throw new IllegalArgumentException(
                            "%s must be native memory, but has %s".formatted(name, piece));
                }
            }
        }
    }

    @Override
    public Team channel() {
        var own = calls.channel();
        return new ForwardingTeam(this) {
            @Override
            protected Transfer begin(
                    Team over, List<List<MemorySegment>> sent, List<List<MemorySegment>> received) {
                return Cluster.this.begin(own, sent, received);
            }

            @Override
            public Team channel() {
                return Cluster.this.channel();
            }
        };
    }

    private void await(Transfer transfer, Calls.Call call) {
        long begin = System.nanoTime();
        try {
            transfer.await();
            calls.end(call);
        } catch (RuntimeException e) {
            throw failed(e, System.nanoTime() - begin);
        }
    }

    private TeamException failed(RuntimeException engine, long nanos) {
        // The engine's clock is not this one's.
        boolean timedOut = nanos > timeout().toNanos() / 10 * 9;
        return new TeamException(watch.reason(timedOut, Gloo.firstLine(engine)), engine);
    }

    @Override
    public void abort(String reason) {
        Objects.requireNonNull(reason, "reason");
        if (!closed) {
            watch.giveUp(reason);
        }
    }

    /**
     * Leaves the team. Whoever still waits for this member is told that it has left, but not why:
     * where its own code has thrown, {@link #abort} tells the others before.
     */
    @Override
    public void close() {
        if (!closed) {
            closed = true;
            watch.close();
            gloo.close();
        }
    }
}
