package org.panoptim.cuda;

/**
 * How a CUDA backend runs.
 *
 * @param device the device's number, from 0
 * @param stream the stream that all work goes to: the caller's, who keeps it open; 0 is the legacy
 *     default stream, which waits for the frameworks' work on theirs
 */
public record CudaOptions(int device, long stream) {

    /** Checks the components. */
    public CudaOptions {
        if (device < 0) {
            throw new IllegalArgumentException("device must be at least 0, but is " + device);
        }
    }

    /** The first device and its legacy default stream. */
    public static CudaOptions defaults() {
        return new CudaOptions(0, 0);
    }

    /** These options with this device. */
    public CudaOptions withDevice(int value) {
        return new CudaOptions(value, stream);
    }

    /** These options with this stream, a {@code CUstream}. */
    public CudaOptions withStream(long value) {
        return new CudaOptions(device, value);
    }
}
