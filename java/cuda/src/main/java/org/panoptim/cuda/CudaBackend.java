package org.panoptim.cuda;

import org.jspecify.annotations.Nullable;
import org.panoptim.backend.Backend;
import org.panoptim.cuda.driver.CublasStatus;
import org.panoptim.cuda.driver.CudaBlas;
import org.panoptim.cuda.driver.CudaDevice;
import org.panoptim.cuda.driver.CudaDriver;
import org.panoptim.cuda.driver.CudaException;
import org.panoptim.cuda.driver.CudaUnavailableException;
import org.panoptim.cuda.driver.FfmCuda;
import org.panoptim.cuda.driver.HostCopies;
import org.panoptim.memory.Buffer;
import org.panoptim.spi.Cleanup;
import org.panoptim.spi.Execution;
import org.panoptim.spi.StepPlan;
import org.panoptim.spi.UnsupportedPlanException;
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

    private final String name;
    private final CudaDevice device;
    private final long stream;
    private final HostCopies copies;
    private final CudaKernels kernels;
    private final UseCount uses;
    private final Supplier<CudaBlas> blasLoader;
    private @Nullable DeviceBlas blas;
    private volatile @Nullable CudaException broken;

    private CudaBackend(
            String name, CudaDevice device, Supplier<CudaBlas> blasLoader, CudaOptions options) {
        this.name = name;
        this.blasLoader = blasLoader;
        this.device = device;
        stream = options.stream();
        uses = new UseCount(name);
        device.enter();
        copies = new HostCopies(device);
        try {
            kernels = new CudaKernels(name, device, copies);
        } catch (RuntimeException | Error e) {
            Cleanup.after(e, copies::close);
            throw e;
        }
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
            return new CudaBackend(name, device, blas, options);
        } catch (RuntimeException | Error e) {
            Cleanup.after(e, device::close);
            throw e;
        }
    }

    /** The device. */
    public CudaDevice device() {
        return device;
    }

    /** The stream that all work goes to. */
    public long stream() {
        return stream;
    }

    @Override
    public String name() {
        return name;
    }

    @Override
    public String description() {
        return describe(device);
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
        return uses.open(() -> call(() -> new DeviceBuffer(this, byteSize, uses::release)));
    }

    @Override
    public Execution open(StepPlan plan) {
        return uses.open(() -> call(() -> new CudaExecution(this, plan, uses::release)));
    }

    /** Kronecker factors, whose module need not be there: nobody can ask for its type then. */
    @Override
    public <T> Optional<T> extension(Class<T> type) {
        return type.getName().equals("org.panoptim.kfac.engine.FactorEngines")
                ? Optional.of(type.cast(new CudaFactorEngines(this, uses)))
                : Optional.empty();
    }

    /**
     * cuBLAS on the backend's stream, loaded lazily.
     *
     * @throws UnsupportedPlanException if it cannot be loaded, with the reason
     */
    DeviceBlas blas() {
        try {
            return loadedBlas();
        } catch (CudaUnavailableException e) {
            throw new UnsupportedPlanException(
                    name, "Kronecker factors need cuBLAS: " + e.getMessage());
        }
    }

    /**
     * The same.
     *
     * @throws CudaUnavailableException if it cannot be loaded
     */
    synchronized DeviceBlas loadedBlas() {
        if (blas == null) {
            blas = openBlas(blasLoader.get());
        }
        return blas;
    }

    private DeviceBlas openBlas(CudaBlas loaded) {
        try {
            return DeviceBlas.open(loaded, stream);
        } catch (CudaException e) {
            if (CublasStatus.doesNotWorkHere(e)) {
                throw new CudaUnavailableException(
                        "cuBLAS is found, but does not work with this driver and device: "
                                + e.getMessage());
            }
            throw e;
        }
    }

    /** The kernels. */
    CudaKernels kernels() {
        return kernels;
    }

    /** Copies between host and device; one at a time. */
    HostCopies copies() {
        return copies;
    }

    /**
     * Makes the device's context current and calls the driver.
     *
     * @throws IllegalStateException if an earlier error has destroyed the context
     */
    <T> T call(Supplier<T> body) {
        enter();
        try {
            return body.get();
        } catch (CudaException e) {
            throw noted(e);
        }
    }

    /**
     * Makes the device's context current.
     *
     * @throws IllegalStateException if an earlier error has destroyed the context
     */
    void enter() {
        var error = broken;
        if (error != null) {
            throw new IllegalStateException(
                    "backend %s is unusable since an error destroyed the device's context; end the process and start anew. The error was: %s"
                            .formatted(name, error.getMessage()),
                    error);
        }
        device.enter();
    }

    /**
     * Refuses what waits, allocates or is to run at once while a framework captures the stream,
     * before the driver refuses it, which would invalidate the capture.
     *
     * @param what cannot be done, a sentence without its end
     */
    void requireNoCapture(String what) {
        if (device.driver().isCapturing(stream)) {
            throw new IllegalStateException(
                    what
                            + " while the stream is being captured; do it before or after the"
                            + " capture");
        }
    }

    /** Remembers an error if it has destroyed the context; the error that did. */
    CudaException noted(CudaException error) {
        var cause = error.mayBeSticky() ? cause(error) : error;
        if (cause.isSticky()) {
            broken = cause;
        }
        return cause;
    }

    /** Queries the context, which returns the error that has destroyed it from every call. */
    private CudaException cause(CudaException error) {
        try {
            device.driver().synchronizeStream(stream);
            return error;
        } catch (CudaException e) {
            return e.isSticky() ? e.behind(error) : error;
        }
    }

    /** Frees what there is to free; of a destroyed context nothing is left. */
    void free(Runnable body) {
        if (broken != null) {
            return;
        }
        try {
            Cleanup.all(device::enter, body);
        } catch (CudaException e) {
            throw noted(e);
        }
    }

    @Override
    public void close() {
        if (uses.close()) {
            Cleanup.all(
                    () -> free(() -> Cleanup.all(copies::close, kernels::close, this::closeBlas)),
                    device::close);
        }
    }

    private synchronized void closeBlas() {
        if (blas != null) {
            blas.close();
        }
    }
}
