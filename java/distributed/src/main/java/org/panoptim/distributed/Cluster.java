package org.panoptim.distributed;

import org.panoptim.shard.Team;
import org.panoptim.shard.TeamException;
import org.panoptim.shard.Transfer;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.time.Duration;
import java.util.List;
import java.util.Objects;

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

    /** How long the word of who is gone may take after an operation has failed. */
    private static final Duration PATIENCE = Duration.ofSeconds(3);

    private final Membership membership;
    private final Watch watch;
    private final Gloo gloo;
    private long calls;
    private volatile boolean closed;

    private Cluster(Membership membership) throws IOException {
        this.membership = membership;
        var store = new Rendezvous(membership);
        try {
            watch = Watch.join(membership, store);
            try {
                gloo = new Gloo(membership, store, watch.address());
            } catch (RuntimeException | Error e) {
                watch.giveUp(String.valueOf(e.getMessage()));
                watch.close();
                throw e;
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
    public Duration timeout() {
        return membership.timeout();
    }

    @Override
    public Transfer begin(List<List<MemorySegment>> sent, List<List<MemorySegment>> received) {
        if (closed) {
            throw new IllegalStateException("the cluster is closed");
        }
        watch.requireOpen();
        long call = ++calls;
        watch.entered(call);
        try {
            var transfer = gloo.begin(sent, received);
            return () -> await(transfer, call);
        } catch (RuntimeException e) {
            throw failed(e, call);
        }
    }

    private void await(Transfer transfer, long call) {
        try {
            transfer.await();
        } catch (RuntimeException e) {
            throw failed(e, call);
        }
    }

    private TeamException failed(RuntimeException engine, long call) {
        return new TeamException(watch.reason(call, Gloo.firstLine(engine), PATIENCE), engine);
    }

    @Override
    public void abort(String reason) {
        watch.giveUp(Objects.requireNonNull(reason, "reason"));
    }

    /** Leaves the team. Whoever still waits for this member is told that it has left. */
    @Override
    public void close() {
        if (!closed) {
            closed = true;
            watch.close();
            gloo.close();
        }
    }
}
