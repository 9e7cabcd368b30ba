package org.panoptim.cuda.driver;

/** An error that CUDA returned. */
public final class CudaException extends RuntimeException {

    private static final long serialVersionUID = 1L;

    private final String call;
    private final int code;
    private final String errorName;
    private final String text;

    /**
     * An error.
     *
     * @param call the call that failed; for a launch with the kernel and its geometry
     * @param code CUDA's number of the error
     * @param errorName CUDA's name of it, for example {@code "CUDA_ERROR_OUT_OF_MEMORY"}
     * @param text CUDA's description of it
     */
    public CudaException(String call, int code, String errorName, String text) {
        super("%s failed: %s (%d), %s".formatted(call, errorName, code, text));
        this.call = call;
        this.code = code;
        this.errorName = errorName;
        this.text = text;
    }

    /** The call that failed. */
    public String call() {
        return call;
    }

    /** CUDA's number of the error. */
    public int code() {
        return code;
    }

    /** CUDA's name of the error. */
    public String errorName() {
        return errorName;
    }

    /**
     * The same error, as that of the call in which it came out.
     *
     * @param answer the status that the call returned
     */
    public CudaException behind(CudaException answer) {
        var error =
                new CudaException(
                        answer.call,
                        code,
                        errorName,
                        "%s; the call itself returned %s".formatted(text, answer.errorName));
        error.addSuppressed(answer);
        return error;
    }

    /**
     * Whether the error has destroyed the context, so that every later call on it fails too: a
     * kernel reached an illegal address, hit a trap or an assertion, or the hardware failed.
     *
     * <p>These are the errors after which, by CUDA's header, the process or the context must be
     * started anew, and those that the hardware could not correct.
     */
    public boolean isSticky() {
        return switch (errorName) {
            case "CUDA_ERROR_ECC_UNCORRECTABLE",
                    "CUDA_ERROR_NVLINK_UNCORRECTABLE",
                    "CUDA_ERROR_CONTAINED",
                    "CUDA_ERROR_ILLEGAL_ADDRESS",
                    "CUDA_ERROR_LAUNCH_TIMEOUT",
                    "CUDA_ERROR_ASSERT",
                    "CUDA_ERROR_HARDWARE_STACK_ERROR",
                    "CUDA_ERROR_ILLEGAL_INSTRUCTION",
                    "CUDA_ERROR_MISALIGNED_ADDRESS",
                    "CUDA_ERROR_INVALID_ADDRESS_SPACE",
                    "CUDA_ERROR_INVALID_PC",
                    "CUDA_ERROR_LAUNCH_FAILED",
                    "CUDA_ERROR_TENSOR_MEMORY_LEAK",
                    "CUDA_ERROR_MPS_CLIENT_TERMINATED",
                    "CUDA_ERROR_EXTERNAL_DEVICE" ->
                    true;
            default -> false;
        };
    }

    /**
     * Whether a destroyed context may have caused the error, so that only another call shows it:
     * cuBLAS reports only that a kernel failed, and an unknown error reports nothing.
     */
    public boolean mayBeSticky() {
        return errorName.equals("CUDA_ERROR_UNKNOWN")
                || errorName.equals("CUBLAS_STATUS_EXECUTION_FAILED")
                || errorName.equals("CUBLAS_STATUS_MAPPING_ERROR")
                || errorName.equals("CUBLAS_STATUS_INTERNAL_ERROR");
    }
}
