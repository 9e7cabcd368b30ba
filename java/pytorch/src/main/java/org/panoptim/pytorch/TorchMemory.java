package org.panoptim.pytorch;

import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;
import org.panoptim.DeviceMemory;
import org.panoptim.HostMemory;
import org.panoptim.Memory;

import java.lang.foreign.MemorySegment;

/** The memory of the engine's tensors, as K-FAC takes a layer's inputs and output gradients. */
public final class TorchMemory {

    private TorchMemory() {}

    /**
     * The elements of a tensor where they lie, row by row; nothing is copied.
     *
     * @param tensor keeps its memory, and must outlive the use of what is returned
     * @throws IllegalArgumentException if it is not float32, not dense or not row by row ({@code
     *     contiguous()} makes it so)
     */
    public static Memory of(Tensor tensor) {
        try (var _ = new PointerScope()) {
            if (!tensor.defined()) {
                throw new IllegalArgumentException("the tensor is undefined");
            }
            Suitability.problem(tensor)
                    .ifPresent(
                            problem -> {
                                throw new IllegalArgumentException("the tensor " + problem);
                            });
            if (!tensor.is_contiguous()) {
                throw new IllegalArgumentException(
                        "the tensor must lie row by row, but has "
                                + Layout.of(tensor)
                                + "; contiguous() makes a copy that does");
            }
            long address = Suitability.address(tensor);
            long bytes = tensor.numel() * Float.BYTES;
            return tensor.is_cpu()
                    ? new HostMemory(MemorySegment.ofAddress(address).reinterpret(bytes))
                    : new DeviceMemory(address, bytes);
        }
    }
}
