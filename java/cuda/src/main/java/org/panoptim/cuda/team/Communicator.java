package org.panoptim.cuda.team;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import org.panoptim.cuda.device.DeviceContext;
import org.panoptim.shard.Team;
import org.panoptim.shard.TeamException;
import org.panoptim.spi.Cleanup;

import java.lang.foreign.Arena;
import java.util.Arrays;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;

/**
 * A member's communicator of NCCL. Whatever fails in it, and whoever does not come in time, ends
 * the team that controls it; whoever waits then learns the reason from there.
 */
public final class Communicator implements AutoCloseable {

    /** Questions that are asked without a pause, since most calls are done soon. */
    private static final int QUICK_POLLS = 1000;

    private static final long PAUSE_NANOS = 50_000;

    private final Nccl nccl;
    private final Team control;
    private final DeviceContext context;
    private final long arrived;

    /**
     * Its handle; 0 once it is aborted or destroyed. Calls of NCCL with it hold this object's lock.
     */
    private long comm;

    private Communicator(Nccl nccl, Team control, DeviceContext context) {
        this.nccl = nccl;
        this.control = control;
        this.context = context;
        arrived = context.driver().createEvent();
    }

    /**
     * Joins the communicator of a team. All members call this at about the same time, with the
     * device's context current.
     *
     * @param control carries what names the communicator, and tells of failures; stays the caller's
     * @throws TeamException if a member has no NCCL, another version, or cannot join
     * @throws org.panoptim.cuda.driver.CudaUnavailableException if this one has no NCCL
     */
    public static Communicator join(Team control, DeviceContext context) {
        Nccl nccl;
        try {
            nccl = Nccl.load();
        } catch (RuntimeException e) {
            Cleanup.after(e, () -> control.abort(e.getMessage()));
            throw e;
        }
        var joined = new Communicator(nccl, control, context);
        try {
            joined.requireOneVersion();
            joined.initialize();
            return joined;
        } catch (RuntimeException | Error e) {
            Cleanup.after(e, joined::close);
            throw e;
        }
    }

    private void requireOneVersion() {
        try (var arena = Arena.ofShared()) {
            var versions = arena.allocate(JAVA_INT, control.size());
            versions.setAtIndex(JAVA_INT, control.rank(), nccl.version());
            var bytes = new long[control.size()];
            Arrays.fill(bytes, JAVA_INT.byteSize());
            control.gather(versions, bytes);
            int first = versions.getAtIndex(JAVA_INT, 0);
            for (int member = 1; member < control.size(); member++) {
                int other = versions.getAtIndex(JAVA_INT, member);
                if (other != first) {
                    throw new TeamException(
                            "member %d has NCCL %s, but member 0 has NCCL %s"
                                    .formatted(member, Nccl.text(other), Nccl.text(first)));
                }
            }
        }
    }

    private void initialize() {
        try (var arena = Arena.ofShared()) {
            var id = arena.allocate(Nccl.ID_BYTES);
            if (control.rank() == 0) {
                check(nccl.uniqueId(id), "naming a communicator");
            }
            var bytes = new long[control.size()];
            bytes[0] = Nccl.ID_BYTES;
            control.gather(id, bytes);
            var handle = Nccl.allocateHandle(arena);
            var result = nccl.initialize(handle, control.size(), id, control.rank());
            comm = handle.get(JAVA_LONG, 0);
            check(result, "joining");
            awaitReady("joining");
        }
    }

    /** Transfers that are queued together; once one has failed, the others are left out. */
    final class Group {

        private Nccl.Result result;

        private Group() {
            result = nccl.groupStart();
        }

        void send(Region region, int peer) {
            if (result.status() != Nccl.Status.FAILED) {
                result = nccl.send(region, peer, comm, context.stream());
            }
        }

        void receive(Region region, int peer) {
            if (result.status() != Nccl.Status.FAILED) {
                result = nccl.receive(region, peer, comm, context.stream());
            }
        }

        /** Ends it in any case, since it is the thread's, too. */
        private Nccl.Result end() {
            var ended = nccl.groupEnd();
            return result.status() == Nccl.Status.FAILED ? result : ended;
        }
    }

    /** Queues transfers together, and waits until NCCL has taken them. */
    void group(Consumer<Group> transfers) {
        context.enter();
        Nccl.Result result;
        synchronized (this) {
            requireAlive();
            var group = new Group();
            transfers.accept(group);
            result = group.end();
        }
        check(result, "a transfer");
        awaitReady("a transfer");
    }

    /** Waits until all that is queued on the stream is done. */
    void awaitStream() {
        var driver = context.driver();
        driver.recordEvent(arrived, context.stream());
        await("a transfer", () -> driver.isDone(arrived) && isReady("a transfer"));
    }

    /** Waits until all members have got here. */
    void agree() {
        control.barrier();
    }

    private void awaitReady(String what) {
        await(what, () -> isReady(what));
    }

    private boolean isReady(String what) {
        return check(state(), what) == Nccl.Status.DONE;
    }

    private synchronized Nccl.Result state() {
        requireAlive();
        return nccl.state(comm);
    }

    /** Asks until something has come about, no longer than the team waits for anything. */
    private void await(String what, BooleanSupplier question) {
        long begin = System.nanoTime();
        int polls = 0;
        while (!question.getAsBoolean()) {
            control.end()
                    .ifPresent(
                            reason -> {
                                throw fail(reason);
                            });
            if (System.nanoTime() - begin > control.timeout().toNanos()) {
                throw fail(
                        "member %d waited %s for the others in %s by NCCL"
                                .formatted(control.rank(), control.timeout(), what));
            }
            if (++polls < QUICK_POLLS) {
                Thread.onSpinWait();
            } else {
                LockSupport.parkNanos(PAUSE_NANOS);
            }
        }
    }

    private Nccl.Status check(Nccl.Result result, String what) {
        if (result.status() == Nccl.Status.FAILED) {
            throw fail("NCCL failed in %s: %s".formatted(what, describe(result)));
        }
        return result.status();
    }

    private synchronized String describe(Nccl.Result result) {
        return nccl.describe(result, comm);
    }

    private void requireAlive() {
        if (comm == 0) {
            throw told("the communicator is closed");
        }
    }

    /** Ends the team, whose reason is the first that a member had. */
    private TeamException fail(String reason) {
        abort();
        control.abort(reason);
        return told(reason);
    }

    /** What the team that controls this one says, if it has ended. */
    private TeamException told(String otherwise) {
        try {
            control.barrier();
        } catch (TeamException e) {
            return e;
        }
        return new TeamException(otherwise);
    }

    /** Ends what goes on, on this member; may be called from any thread. */
    public synchronized void abort() {
        if (comm != 0) {
            long aborted = comm;
            comm = 0;
            nccl.abort(aborted);
        }
    }

    /** Frees the communicator; what was queued must be done. */
    @Override
    public synchronized void close() {
        long closed = comm;
        comm = 0;
        Cleanup.all(
                () -> {
                    if (closed != 0) {
                        nccl.destroy(closed);
                    }
                },
                () -> context.free(() -> context.driver().destroyEvent(arrived)));
    }
}
