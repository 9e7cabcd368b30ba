package org.panoptim.bench;

import org.panoptim.cuda.CudaBackend;
import org.panoptim.cuda.CudaFfmProvider;
import org.panoptim.cuda.CudaOptions;
import org.panoptim.cuda.driver.CudaBlas;
import org.panoptim.cuda.driver.CudaDriver;
import org.panoptim.cuda.driver.FfmCuda;
import org.panoptim.cuda.jcuda.CudaJcudaProvider;
import org.panoptim.cuda.jcuda.Jcuda;

import java.util.Arrays;
import java.util.function.Supplier;

/** The two ways to CUDA, for backends over drivers that observe the calls. */
enum CudaImplementation {
    /** The Foreign Function and Memory API. */
    FFM(CudaFfmProvider.NAME, FfmCuda::load, FfmCuda::loadBlas),
    /** JCuda. */
    JCUDA(CudaJcudaProvider.NAME, Jcuda::load, Jcuda::loadBlasOrFfm);

    private final String backend;
    private final Supplier<CudaDriver> driver;
    private final Supplier<CudaBlas> blas;

    CudaImplementation(String backend, Supplier<CudaDriver> driver, Supplier<CudaBlas> blas) {
        this.backend = backend;
        this.driver = driver;
        this.blas = blas;
    }

    /**
     * That of a backend.
     *
     * @throws IllegalArgumentException if it is not one on a CUDA device
     */
    static CudaImplementation of(String backend) {
        return Arrays.stream(values())
                .filter(each -> each.backend.equals(backend))
                .findFirst()
                .orElseThrow(
                        () ->
                                new IllegalArgumentException(
                                        backend + " is no backend on a CUDA device"));
    }

    /** The driver. */
    CudaDriver driver() {
        return driver.get();
    }

    /** cuBLAS. */
    CudaBlas blas() {
        return blas.get();
    }

    /** The backend over a driver, and over cuBLAS once it needs that. */
    CudaBackend open(CudaDriver observed, Supplier<CudaBlas> blas) {
        return CudaBackend.open(backend, observed, blas, CudaOptions.defaults());
    }
}
