package org.panoptim.bench;

import org.panoptim.backend.Backend;
import org.panoptim.cuda.CudaBackend;

/** What kind of device computes the steps. */
public enum DeviceKind {
    /** The processor, in its memory. */
    CPU,
    /** A GPU, in its memory. */
    GPU,
    /** The virtual GPU: its kernels run on the processor, thousands of times slower. */
    VIRTUAL_GPU;

    /** The kind of device that a backend computes on. */
    public static DeviceKind of(Backend backend) {
        return !(backend instanceof CudaBackend cuda)
                ? CPU
                : cuda.device().virtual() ? VIRTUAL_GPU : GPU;
    }
}
