package org.panoptim.cuda.driver;

/** How calls are named in a {@link CudaException}, alike in every implementation. */
public final class CudaCalls {

    private static final String CAPTURE_REMEDY =
            " To take a step into the graph, open the backend with the captured stream"
                + " (CudaOptions.withStream). To work outside the graph meanwhile, let a stream"
                + " made with CU_STREAM_NON_BLOCKING be captured, in relaxed mode. Or wait until"
                + " the capture has ended";

    private CudaCalls() {}

    /** A launch. */
    public static String launch(String kernel, int blocks, int threads, int sharedBytes) {
        return "cuLaunchKernel of %s (%d blocks of %d threads, %d bytes of shared memory)"
                .formatted(kernel, blocks, threads, sharedBytes);
    }

    /** A call that looks for a name. */
    public static String named(String call, String name) {
        return call + " of " + name;
    }

    /** A call that allocates or copies. */
    public static String sized(String call, long bytes) {
        return call + " of " + bytes + " bytes";
    }

    /**
     * An error.
     *
     * @param name CUDA's name of it; empty if it has none
     * @param text CUDA's description; empty if it has none
     */
    public static CudaException failure(String call, int code, String name, String text) {
        return new CudaException(
                call,
                code,
                name.isEmpty() ? "unknown error" : name,
                (text.isEmpty() ? "which this driver does not describe" : text) + remedy(name));
    }

    /** What there is to do about an error whose description does not say so; empty for most. */
    private static String remedy(String name) {
        return switch (name) {
            case "CUDA_ERROR_STREAM_CAPTURE_IMPLICIT" ->
                    ": a stream that waits for the legacy default stream is being captured, and"
                        + " meanwhile the default stream, which this backend works on, cannot be"
                        + " used."
                            + CAPTURE_REMEDY;
            case "CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED" ->
                    ": a stream is being captured in a mode that forbids this call, and that"
                            + " capture is lost."
                            + CAPTURE_REMEDY;
            case "CUDA_ERROR_JIT_COMPILER_NOT_FOUND" ->
                    ": on drivers older than CUDA 13.0 the kernels are compiled by the driver's own"
                            + " library libnvidia-ptxjitcompiler.so.1, which is not installed;"
                            + " containers get it with the driver capability \"compute\"";
            case "CUDA_ERROR_JIT_COMPILATION_DISABLED" ->
                    ": on drivers older than CUDA 13.0 the driver must compile the kernels, which"
                            + " CUDA_DISABLE_PTX_JIT or CUDA_DISABLE_JIT forbids here";
            default -> "";
        };
    }
}
