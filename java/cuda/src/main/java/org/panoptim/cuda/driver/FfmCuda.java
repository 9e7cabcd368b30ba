package org.panoptim.cuda.driver;

/** The entry to CUDA through the Foreign Function and Memory API. */
public final class FfmCuda {

    private static final String[] CUDA = {"libcuda.so.1"};
    private static final String[] CUBLAS = {
        "libcublas.so.13", "libcublas.so.12", "libcublas.so.11"
    };

    private FfmCuda() {}

    /**
     * CUDA's driver, found by the system's loader as {@code libcuda.so.1}.
     *
     * @throws CudaUnavailableException if there is none
     */
    public static CudaDriver load() {
        var library = DriverHolder.LIBRARY;
        if (!library.loaded()) {
            throw new CudaUnavailableException(
                    "no CUDA driver is installed or found", library.tried());
        }
        return DriverHolder.DRIVER;
    }

    /**
     * cuBLAS, found by the system's loader as {@code libcublas.so.13}, {@code .12} or {@code .11},
     * in this order.
     *
     * @throws CudaUnavailableException if there is none
     */
    public static CudaBlas loadBlas() {
        var library = BlasHolder.LIBRARY;
        if (!library.loaded()) {
            throw new CudaUnavailableException("no cuBLAS is installed or found", library.tried());
        }
        return BlasHolder.BLAS;
    }

    private static final class DriverHolder {
        static final SystemLibrary LIBRARY = SystemLibrary.load("cuDriverGetVersion", CUDA);
        static final CudaDriver DRIVER = new FfmCudaDriver();
    }

    private static final class BlasHolder {
        static final SystemLibrary LIBRARY = SystemLibrary.load("cublasCreate_v2", CUBLAS);
        static final CudaBlas BLAS = new FfmCudaBlas();
    }
}
