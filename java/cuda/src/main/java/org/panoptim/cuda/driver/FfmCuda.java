package org.panoptim.cuda.driver;

import org.panoptim.cuda.driver.bindings.SystemLibrary;

import java.util.ArrayList;

/** The entry to CUDA through the Foreign Function and Memory API. */
public final class FfmCuda {

    private FfmCuda() {}

    /**
     * CUDA's driver, found by the system's loader as {@code libcuda.so.1}.
     *
     * @throws CudaUnavailableException if there is none
     */
    public static CudaDriver load() {
        var library = SystemLibrary.cuda();
        if (!library.loaded()) {
            throw new CudaUnavailableException(
                    "no CUDA driver is installed or found", library.tried());
        }
        return DriverHolder.DRIVER;
    }

    /**
     * cuBLAS, found by the system's loader as {@code libcublas.so.13}, {@code .12} or {@code .11},
     * in this order; on a driver older than CUDA 13.0, {@code .13} comes last.
     *
     * @throws CudaUnavailableException if there is none, with what helps
     */
    public static CudaBlas loadBlas() {
        var library = SystemLibrary.cublas();
        if (!library.loaded()) {
            var tried = new ArrayList<>(library.tried());
            tried.add(whereToLook());
            throw new CudaUnavailableException("no cuBLAS is installed or found", tried);
        }
        return BlasHolder.BLAS;
    }

    /** Where PyTorch brings cuBLAS along, the loader needs its folder. */
    private static String whereToLook() {
        var path = System.getenv("LD_LIBRARY_PATH");
        return "LD_LIBRARY_PATH is %s: the cuBLAS of a Python is found once it names the folder nvidia/*/lib among that Python's site-packages"
                .formatted(path == null || path.isEmpty() ? "not set" : path);
    }

    private static final class DriverHolder {
        static final CudaDriver DRIVER = new FfmCudaDriver();
    }

    private static final class BlasHolder {
        static final CudaBlas BLAS = new FfmCudaBlas();
    }
}
