package org.panoptim.cuda;

import java.lang.foreign.StructLayout;
import java.util.HashMap;
import java.util.Map;

/**
 * How a CUDA backend runs.
 *
 * @param device the device's number, from 0
 * @param stream the stream that all work goes to: the caller's, who keeps it open; 0 is the legacy
 *     default stream, which waits for the frameworks' work on theirs
 * @param ownRules the hyper-parameter structures of kernels that an image built with more rules
 *     has, by kernel name
 */
public record CudaOptions(int device, long stream, Map<String, StructLayout> ownRules) {

    /** Checks the components and copies the map. */
    public CudaOptions {
        ownRules = Map.copyOf(ownRules);
        if (device < 0) {
            throw new IllegalArgumentException("device must be at least 0, but is " + device);
        }
    }

    /** The first device and its legacy default stream. */
    public static CudaOptions defaults() {
        return new CudaOptions(0, 0, Map.of());
    }

    /** These options with this device. */
    public CudaOptions withDevice(int value) {
        return new CudaOptions(value, stream, ownRules);
    }

    /** These options with this stream, a {@code CUstream}. */
    public CudaOptions withStream(long value) {
        return new CudaOptions(device, value, ownRules);
    }

    /** These options with a kernel of one's own. */
    public CudaOptions withRule(String kernel, StructLayout hyper) {
        var rules = new HashMap<>(ownRules);
        rules.put(kernel, hyper);
        return new CudaOptions(device, stream, rules);
    }
}
