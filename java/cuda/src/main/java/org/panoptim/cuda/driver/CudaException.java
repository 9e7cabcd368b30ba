package org.panoptim.cuda.driver;

/** An error that CUDA answered with. */
public final class CudaException extends RuntimeException {

    private static final long serialVersionUID = 1L;

    private final String call;
    private final int code;
    private final String errorName;

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
     * Whether the error has destroyed the context, so that every later call on it fails too: a
     * kernel reached an illegal address, hit a trap or an assertion, or the hardware failed.
     */
    public boolean isSticky() {
        return switch (errorName) {
            case "CUDA_ERROR_ILLEGAL_ADDRESS",
                    "CUDA_ERROR_LAUNCH_FAILED",
                    "CUDA_ERROR_LAUNCH_TIMEOUT",
                    "CUDA_ERROR_ASSERT",
                    "CUDA_ERROR_MISALIGNED_ADDRESS",
                    "CUDA_ERROR_INVALID_ADDRESS_SPACE",
                    "CUDA_ERROR_INVALID_PC",
                    "CUDA_ERROR_HARDWARE_STACK_ERROR",
                    "CUDA_ERROR_ILLEGAL_INSTRUCTION",
                    "CUDA_ERROR_ECC_UNCORRECTABLE" ->
                    true;
            default -> false;
        };
    }
}
