package org.panoptim.bench.run;

import org.panoptim.backend.Backend;
import org.panoptim.backend.BackendUnavailableException;
import org.panoptim.bench.DeviceKind;
import org.panoptim.bench.FactorSizes;
import org.panoptim.bench.Workload;
import org.panoptim.cli.InputException;
import org.panoptim.cuda.CudaBackend;

/**
 * The backend that is measured.
 *
 * @param name as options give it
 * @param description the backend's description
 * @param device the kind of device that it computes on
 * @param memory of its device in bytes; the largest long for a host
 */
record Target(String name, String description, DeviceKind device, long memory) {

    /** Parameter, gradient, the gradient's first value, and two states. */
    private static final double BYTES_PER_PARAMETER = 5.0 * Float.BYTES;

    /** Of the device's memory, what these may take. */
    private static final double MEMORY_SHARE = 0.8;

    /** A step of more would take minutes. */
    private static final long MOST_ON_VIRTUAL = 1_000_000;

    /**
     * Opens a backend to see what it is.
     *
     * @throws InputException if there is none of that name here, with the reason
     */
    static Target of(String name) {
        try (var backend = Backend.named(name)) {
            long memory =
                    backend instanceof CudaBackend cuda ? cuda.device().memory() : Long.MAX_VALUE;
            return new Target(name, backend.description(), DeviceKind.of(backend), memory);
        } catch (IllegalArgumentException | BackendUnavailableException e) {
            throw new InputException("--backend: " + e.getMessage(), e);
        }
    }

    /** Whether a step of a workload fits into its memory. */
    boolean holds(Workload workload) {
        return BYTES_PER_PARAMETER * workload.elements() <= MEMORY_SHARE * memory;
    }

    /** Whether the factors of a model fit into its memory. */
    boolean holds(FactorSizes model) {
        return model.bytes() <= MEMORY_SHARE * memory;
    }

    /**
     * Demands that steps of a workload end while someone waits.
     *
     * @throws InputException if they do not
     */
    void requireFeasible(Workload workload) {
        if (device == DeviceKind.VIRTUAL_GPU && workload.elements() > MOST_ON_VIRTUAL) {
            throw new InputException(
                    ("--workload: the virtual device computes on the processor, thousands of times"
                                    + " slower than a GPU, and %s has %,d parameters; choose"
                                    + " --workload tiny,few or small")
                            .formatted(workload.name(), workload.elements()));
        }
    }
}
