package org.panoptim.cuda.device;

import org.jspecify.annotations.Nullable;
import org.panoptim.cuda.driver.CublasStatus;
import org.panoptim.cuda.driver.CudaBlas;
import org.panoptim.cuda.driver.CudaDevice;
import org.panoptim.cuda.driver.CudaDriver;
import org.panoptim.cuda.driver.CudaException;
import org.panoptim.cuda.driver.CudaUnavailableException;
import org.panoptim.cuda.driver.HostCopies;
import org.panoptim.spi.Cleanup;
import org.panoptim.spi.UnsupportedPlanException;

import java.util.function.Supplier;

/**
 * What all work on one device shares: its context, the stream, the kernels, copies and cuBLAS.
 *
 * <p>After an error that destroys the device's context (an illegal address, say) it is of no use
 * any more, and says so.
 */
public final class DeviceContext implements AutoCloseable {

    private final String name;
    private final CudaDevice device;
    private final long stream;
    private final HostCopies copies;
    private final CudaKernels kernels;
    private final Supplier<CudaBlas> blasLoader;
    private @Nullable CudaBlas library;
    private @Nullable DeviceBlas blas;
    private volatile @Nullable CudaException broken;

    /**
     * Loads the kernels.
     *
     * @param name the backend's
     * @param device closed with this
     * @param stream where all work goes to
     * @param blasLoader loads cuBLAS, once something needs it
     * @throws org.panoptim.backend.BackendUnavailableException if there are no kernels for it
     * @throws CudaException if the driver returns another error
     */
    public DeviceContext(
            String name, CudaDevice device, long stream, Supplier<CudaBlas> blasLoader) {
        this.name = name;
        this.device = device;
        this.stream = stream;
        this.blasLoader = blasLoader;
        device.enter();
        requireNoCapture("a backend cannot be opened");
        copies = new HostCopies(device);
        try {
            kernels = new CudaKernels(name, device, copies);
        } catch (RuntimeException | Error e) {
            Cleanup.after(e, copies::close);
            throw e;
        }
    }

    /** The backend's name. */
    public String name() {
        return name;
    }

    /** The device. */
    public CudaDevice device() {
        return device;
    }

    /** The device's driver. */
    public CudaDriver driver() {
        return device.driver();
    }

    /** The stream that all work goes to. */
    public long stream() {
        return stream;
    }

    /** The kernels. */
    public CudaKernels kernels() {
        return kernels;
    }

    /** Copies between host and device; one at a time. */
    public HostCopies copies() {
        return copies;
    }

    /**
     * cuBLAS on the stream, loaded lazily.
     *
     * @throws UnsupportedPlanException if it cannot be loaded, with the reason
     */
    public DeviceBlas blas() {
        try {
            return loadedBlas();
        } catch (CudaUnavailableException e) {
            throw withoutBlas(e);
        }
    }

    /**
     * Another handle of cuBLAS on the stream, which the caller closes.
     *
     * @throws UnsupportedPlanException if it cannot be loaded, with the reason
     */
    public synchronized DeviceBlas newBlas() {
        try {
            return openBlas();
        } catch (CudaUnavailableException e) {
            throw withoutBlas(e);
        }
    }

    private UnsupportedPlanException withoutBlas(CudaUnavailableException e) {
        return new UnsupportedPlanException(
                name, "linear algebra on matrices needs cuBLAS: " + e.getMessage());
    }

    /**
     * The same.
     *
     * @throws CudaUnavailableException if it cannot be loaded
     */
    public synchronized DeviceBlas loadedBlas() {
        if (blas == null) {
            blas = openBlas();
        }
        return blas;
    }

    private synchronized DeviceBlas openBlas() {
        enter();
        requireNoCapture("cuBLAS cannot be loaded");
        if (library == null) {
            library = blasLoader.get();
        }
        try {
            return DeviceBlas.open(device, library, stream);
        } catch (CudaException e) {
            if (CublasStatus.doesNotWorkHere(e)) {
                throw new CudaUnavailableException(
                        "cuBLAS is found, but does not work with this driver and device: "
                                + e.getMessage());
            }
            throw e;
        }
    }

    /**
     * Makes the device's context current and calls the driver.
     *
     * @throws IllegalStateException if an earlier error has destroyed the context
     */
    public <T> T call(Supplier<T> body) {
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
    public void enter() {
        requireUsable();
        device.enter();
    }

    /** Requires that no earlier error has destroyed the context. */
    public void requireUsable() {
        var error = broken;
        if (error != null) {
            throw new IllegalStateException(
                    "backend %s is unusable since an error destroyed the device's context; end the process and start anew. The error was: %s"
                            .formatted(name, error.getMessage()),
                    error);
        }
    }

    /**
     * Refuses what waits, allocates or is to run at once while a framework captures the stream,
     * before the driver refuses it, which would invalidate the capture.
     *
     * @param what cannot be done, a sentence without its end
     */
    public void requireNoCapture(String what) {
        if (driver().isCapturing(stream)) {
            throw new IllegalStateException(
                    what
                            + " while the stream is being captured; do it before or after the"
                            + " capture");
        }
    }

    /**
     * As {@link #requireNoCapture}, of closing something, before any of it is freed, so that it can
     * be closed later. What an error has destroyed can always be closed.
     *
     * @param what cannot be closed
     */
    public void requireNoCaptureToClose(String what) {
        if (isCapturing()) {
            throw new IllegalStateException(
                    what
                            + " cannot be closed while the stream is being captured; do it again"
                            + " when the capture has ended");
        }
    }

    /** Whether the stream is known to be captured; makes the device's context current. */
    public boolean isCapturing() {
        if (broken != null || device.isClosed()) {
            return false;
        }
        try {
            device.enter();
            return device.driver().isCapturing(stream);
        } catch (CudaException e) {
            noted(e);
            return false;
        }
    }

    /** Remembers an error if it has destroyed the context; the error that did. */
    public CudaException noted(CudaException error) {
        var cause = error.mayBeSticky() ? cause(error) : error;
        if (cause.isSticky()) {
            broken = cause;
        }
        return cause;
    }

    /** Queries the context, which returns the error that has destroyed it from every call. */
    private CudaException cause(CudaException error) {
        try {
            driver().synchronizeStream(stream);
            return error;
        } catch (CudaException e) {
            return e.isSticky() ? e.behind(error) : error;
        }
    }

    /** Frees what there is to free; of a destroyed context nothing is left. */
    public void free(Runnable body) {
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
        Cleanup.all(
                () -> free(() -> Cleanup.all(copies::close, kernels::close, this::closeBlas)),
                device::close);
    }

    private synchronized void closeBlas() {
        if (blas != null) {
            blas.close();
        }
    }
}
