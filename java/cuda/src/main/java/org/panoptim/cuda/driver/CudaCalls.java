package org.panoptim.cuda.driver;

/** How calls are named in a {@link CudaException}, alike in every implementation. */
public final class CudaCalls {

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
                text.isEmpty() ? "which this driver does not describe" : text);
    }
}
