package org.panoptim.cuda;

import org.panoptim.backend.Backend;
import org.panoptim.cuda.device.DeviceContext;
import org.panoptim.cuda.team.Communicator;
import org.panoptim.cuda.team.NcclTransport;
import org.panoptim.cuda.team.Transport;
import org.panoptim.shard.ForwardingTeam;
import org.panoptim.shard.Team;
import org.panoptim.spi.Cleanup;
import org.panoptim.spi.MeteredTeam;
import org.panoptim.spi.UnsupportedPlanException;

import java.util.Objects;

/**
 * A team whose members each have a device of their own, between which gradients and parameters go
 * by NCCL: without a copy through the host, on the stream of the backend that each hands in. What
 * little the hosts tell each other goes over another team.
 *
 * <p>NCCL is not part of Panoptim: {@code libnccl.so.2}, of 2.14 or later, is loaded where the
 * system's loader finds it, or from the file that the system property {@code panoptim.nccl} names.
 *
 * <p>A step waits for its transfers twice: before it changes anything, and at its end. A member
 * that fails, is gone or does not come within the {@linkplain #timeout timeout} ends the team:
 * whoever waits for NCCL learns of it from the team beneath, at once, and of the reason.
 */
public final class NcclTeam extends ForwardingTeam implements AutoCloseable {

    private final DeviceContext context;
    private final Communicator communicator;
    private final Runnable onClose;
    private boolean closed;

    private NcclTeam(
            Team control, DeviceContext context, Communicator communicator, Runnable onClose) {
        super(control);
        this.context = context;
        this.communicator = communicator;
        this.onClose = onClose;
    }

    /**
     * Joins the members of a team by NCCL. All of them call this at about the same time.
     *
     * @param control carries what hosts tell each other; it stays the caller's, who closes it after
     *     this, and uses it for nothing else meanwhile
     * @param backend whose device and stream this member has: a CUDA backend, which is closed after
     *     this. Members have different devices.
     * @throws IllegalArgumentException if it is no CUDA backend
     * @throws org.panoptim.shard.TeamException if a member has no NCCL or another version, or could
     *     not join
     * @throws org.panoptim.cuda.driver.CudaUnavailableException if this one has no NCCL
     */
    public static NcclTeam over(Team control, Backend backend) {
        Objects.requireNonNull(control, "control");
        if (!(Objects.requireNonNull(backend, "backend") instanceof CudaBackend cuda)) {
            throw new IllegalArgumentException(
                    "NCCL moves what lies on CUDA devices, but the backend is " + backend.name());
        }
        return cuda.join(control);
    }

    static NcclTeam join(Team control, DeviceContext context, Runnable onClose) {
        var communicator = context.call(() -> Communicator.join(control, context));
        return new NcclTeam(control, context, communicator, onClose);
    }

    /**
     * Moves what lies on the device.
     *
     * @param meter counts it
     */
    Transport transport(DeviceContext ofExecution, MeteredTeam meter) {
        if (ofExecution != context) {
            throw new UnsupportedPlanException(
                    ofExecution.name(), "the team was joined with another backend");
        }
        return new NcclTransport(communicator, meter);
    }

    /** Itself: NCCL's calls have one order, that of the stream. */
    @Override
    public Team channel() {
        return this;
    }

    @Override
    public void abort(String reason) {
        Cleanup.all(() -> super.abort(reason), communicator::abort);
    }

    /** Leaves; close the optimizers that have the team before. Closing twice is harmless. */
    @Override
    public void close() {
        if (!closed) {
            closed = true;
            Cleanup.all(communicator::close, onClose);
        }
    }
}
