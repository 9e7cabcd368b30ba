package org.panoptim.bench;

import org.panoptim.Backend;
import org.panoptim.cuda.CudaBackend;

/** Where steps are computed. */
public enum Place {
    /** On the processor, in its memory. */
    HOST,
    /** On a GPU, in its memory. */
    DEVICE,
    /** On the device that is none: its kernels run on the processor, thousands of times slower. */
    VIRTUAL_DEVICE;

    /** Where a backend computes. */
    public static Place of(Backend backend) {
        return !(backend instanceof CudaBackend cuda)
                ? HOST
                : cuda.device().virtual() ? VIRTUAL_DEVICE : DEVICE;
    }
}
