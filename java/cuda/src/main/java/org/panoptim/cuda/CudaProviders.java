package org.panoptim.cuda;

import org.panoptim.backend.BackendStatus;
import org.panoptim.backend.BackendUnavailableException;
import org.panoptim.cuda.device.KernelImages;
import org.panoptim.cuda.driver.CudaBlas;
import org.panoptim.cuda.driver.CudaDriver;
import org.panoptim.cuda.driver.CudaException;
import org.panoptim.cuda.driver.CudaProbe;
import org.panoptim.cuda.driver.CudaUnavailableException;

import java.util.ArrayList;
import java.util.function.Supplier;

/** What the providers of the CUDA backend share: it is one backend over two drivers. */
public final class CudaProviders {

    private CudaProviders() {}

    /** Tries a driver out. */
    public static BackendStatus probe(String name, Supplier<CudaDriver> driver) {
        var probe = CudaProbe.of(driver);
        var tried = new ArrayList<>(probe.tried());
        // Without a driver to choose by, what the jar is for.
        int version = probe.available() ? probe.version() : KernelImages.FAT_BINARY_VERSION;
        var kernels = KernelImages.explain(version);
        tried.add(kernels);
        if (probe.available() && !KernelImages.exist(version)) {
            return new BackendStatus(name, false, kernels, tried, true);
        }
        return new BackendStatus(name, probe.available(), probe.summary(), tried, probe.expected());
    }

    /**
     * Opens the backend over a driver.
     *
     * @param blas loads cuBLAS, once something needs it
     * @throws BackendUnavailableException if it does not work here, with the reason
     */
    public static CudaBackend open(
            String name,
            Supplier<CudaDriver> driver,
            Supplier<CudaBlas> blas,
            CudaOptions options) {
        try {
            return CudaBackend.open(name, driver.get(), blas, options);
        } catch (CudaUnavailableException | CudaException e) {
            throw new BackendUnavailableException("backend " + name + ": " + e.getMessage());
        }
    }
}
