package org.panoptim.cuda.driver;

/** cuBLAS's errors, which old versions of it cannot name themselves. */
public enum CublasStatus {
    CUBLAS_STATUS_NOT_INITIALIZED(1, "the library was not initialized"),
    CUBLAS_STATUS_ALLOC_FAILED(3, "memory could not be allocated"),
    CUBLAS_STATUS_INVALID_VALUE(7, "an argument is out of range"),
    CUBLAS_STATUS_ARCH_MISMATCH(8, "the device lacks a feature that is needed"),
    CUBLAS_STATUS_MAPPING_ERROR(11, "device memory could not be reached"),
    CUBLAS_STATUS_EXECUTION_FAILED(13, "a kernel failed"),
    CUBLAS_STATUS_INTERNAL_ERROR(14, "an operation inside the library failed"),
    CUBLAS_STATUS_NOT_SUPPORTED(15, "the library does not support this"),
    CUBLAS_STATUS_LICENSE_ERROR(16, "a licence is missing");

    private final int code;
    private final String text;

    CublasStatus(int code, String text) {
        this.code = code;
        this.text = text;
    }

    /** The exception for a call that returned an error. */
    public static CudaException failure(String call, int code) {
        for (var status : values()) {
            if (status.code == code) {
                return new CudaException(call, code, status.name(), status.text);
            }
        }
        return CudaCalls.failure(call, code, "", "");
    }

    /**
     * Whether a handle could not be created since the library does not fit the driver, as one of a
     * newer CUDA, or the device.
     */
    public static boolean doesNotWorkHere(CudaException failure) {
        return failure.errorName().equals(CUBLAS_STATUS_NOT_INITIALIZED.name())
                || failure.errorName().equals(CUBLAS_STATUS_ARCH_MISMATCH.name());
    }

    /** A product's shape, for the name of a call. */
    public static String shape(int m, int n, int k) {
        return m + " x " + k + " by " + k + " x " + n;
    }
}
