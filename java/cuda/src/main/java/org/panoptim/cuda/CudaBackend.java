package org.panoptim.cuda;

import org.panoptim.backend.Backend;
import org.panoptim.cuda.device.DeviceContext;
import org.panoptim.cuda.driver.CudaBlas;
import org.panoptim.cuda.driver.CudaDevice;
import org.panoptim.cuda.driver.CudaDriver;
import org.panoptim.cuda.driver.CudaException;
import org.panoptim.cuda.driver.FfmCuda;
import org.panoptim.cuda.kfac.CudaFactorEngines;
import org.panoptim.memory.Buffer;
import org.panoptim.shard.Team;
import org.panoptim.spi.Cleanup;
import org.panoptim.spi.Execution;
import org.panoptim.spi.StepPlan;
import org.panoptim.spi.UseCount;

import java.util.Optional;
import java.util.function.Supplier;

/**
 * The backend over a CUDA device. Parameters, gradients and states lie in the device's memory; a
 * step is some launches on one stream, and the host waits only where it needs a result.
 *
 * <p>After an error that destroys the device's context (an illegal address, say) the backend is of
 * no use any more, and says so.
 */
public final class CudaBackend implements Backend {

    private final DeviceContext context;
    private final UseCount uses;

    private CudaBackend(DeviceContext context) {
        this.context = context;
        uses = new UseCount(context.name());
    }

    /** As {@link #open(String, CudaDriver, Supplier, CudaOptions)}, with cuBLAS through FFM. */
    public static CudaBackend open(String name, CudaDriver driver, CudaOptions options) {
        return open(name, driver, FfmCuda::loadBlas, options);
    }

    /**
     * Opens the backend over a driver.
     *
     * @param blas loads cuBLAS, once something needs it
     * @param name the backend's name, for example {@code "cuda-ffm"}
     * @throws org.panoptim.cuda.driver.CudaUnavailableException if the driver or the device is too
     *     old or there is no such device
     * @throws org.panoptim.backend.BackendUnavailableException if there are no kernels for it
     * @throws CudaException if the driver returns another error
     */
    public static CudaBackend open(
            String name, CudaDriver driver, Supplier<CudaBlas> blas, CudaOptions options) {
        var device = CudaDevice.open(driver, options.device());
        try {
            return new CudaBackend(new DeviceContext(name, device, options.stream(), blas));
        } catch (RuntimeException | Error e) {
            Cleanup.after(e, device::close);
            throw e;
        }
    }

    /** The device. */
    public CudaDevice device() {
        return context.device();
    }

    /** The stream that all work goes to. */
    public long stream() {
        return context.stream();
    }

    @Override
    public String name() {
        return context.name();
    }

    @Override
    public String description() {
        return describe(context.device());
    }

    static String describe(CudaDevice device) {
        var text =
                "%s, compute capability %d.%d, through %s"
                        .formatted(
                                device.name(),
                                device.capability() / 10,
                                device.capability() % 10,
                                device.driver().name());
        return device.virtual() ? text + "; no GPU: kernels run on the CPU" : text;
    }

    @Override
    public boolean usesHostMemory() {
        return false;
    }

    @Override
    public Buffer allocate(long byteSize) {
        if (byteSize < 0) {
            throw new IllegalArgumentException("byteSize must be at least 0, but is " + byteSize);
        }
        return uses.open(
                () -> context.call(() -> new DeviceBuffer(context, byteSize, uses::release)));
    }

    @Override
    public Execution open(StepPlan plan) {
        return uses.open(() -> context.call(() -> new CudaExecution(context, plan, uses::release)));
    }

    /** Joins the members of a team by NCCL. */
    NcclTeam join(Team control) {
        uses.open(() -> this);
        try {
            return NcclTeam.join(control, context, uses::release);
        } catch (RuntimeException | Error e) {
            Cleanup.after(e, uses::release);
            throw e;
        }
    }

    /** Kronecker factors, whose module need not be there: nobody can ask for its type then. */
    @Override
    public <T> Optional<T> extension(Class<T> type) {
        return type.getName().equals("org.panoptim.kfac.engine.FactorEngines")
                ? Optional.of(new CudaFactorEngines(context, uses))
                        .filter(type::isInstance)
                        .map(type::cast)
                : Optional.empty();
    }

    @Override
    public void close() {
        context.requireNoCaptureToClose("the backend");
        if (uses.close()) {
            context.close();
        }
    }
}
