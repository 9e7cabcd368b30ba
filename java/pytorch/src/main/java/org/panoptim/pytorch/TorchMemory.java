package org.panoptim.pytorch;

import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;
import org.panoptim.memory.DeviceMemory;
import org.panoptim.memory.HostMemory;
import org.panoptim.memory.Memory;
import org.panoptim.parameter.Parameter;

import java.lang.foreign.MemorySegment;
import java.util.Optional;
import java.util.function.Function;

/**
 * The memory of the engine's tensors, as K-FAC takes a layer's inputs and output gradients, and
 * parameters take curvature.
 */
public final class TorchMemory {

    private TorchMemory() {}

    /**
     * The elements of a tensor where they lie, row by row; nothing is copied. For what goes with a
     * parameter there is {@link #inOrderOf}.
     *
     * @param tensor keeps its memory, and must outlive the use of what is returned
     * @throws IllegalArgumentException if it is not float32, not dense or not row by row ({@code
     *     contiguous()} makes it so)
     */
    public static Memory of(Tensor tensor) {
        return of(
                tensor,
                layout ->
                        layout.order().isContiguous()
                                ? Optional.empty()
                                : Optional.of(
                                        "must lie row by row, but has "
                                                + layout
                                                + "; contiguous() makes a copy that does"));
    }

    /**
     * The elements of a tensor where they lie, for the {@linkplain Parameter#curvature curvature}
     * of a parameter, which must lie in memory as the parameter does; nothing is copied.
     *
     * @param tensor keeps its memory, and must outlive the use of what is returned
     * @throws IllegalArgumentException if it is not float32 or not dense, or has another shape or
     *     another {@linkplain Parameter#order order in memory} than the parameter
     */
    public static Memory inOrderOf(Parameter parameter, Tensor tensor) {
        return of(
                tensor,
                layout ->
                        layout.order().equals(parameter.order())
                                        && layout.shape().equals(parameter.shape())
                                ? Optional.empty()
                                : Optional.of(
                                        "must lie in memory as parameter '%s' does, with dimensions in the order %s and sizes %s there, but has %s"
                                                .formatted(
                                                        parameter.name(),
                                                        parameter.order(),
                                                        parameter.shape(),
                                                        layout)));
    }

    private static Memory of(Tensor tensor, Function<Layout, Optional<String>> problemOfLayout) {
        try (var _ = new PointerScope()) {
            Suitability.problemOfDefinition(tensor)
                    .or(() -> Suitability.problem(tensor))
                    .or(() -> problemOfLayout.apply(Layout.of(tensor)))
                    .ifPresent(
                            problem -> {
                                throw new IllegalArgumentException("the tensor " + problem);
                            });
            long address = Suitability.address(tensor);
            long bytes = tensor.numel() * Float.BYTES;
            return tensor.is_cpu()
                    ? new HostMemory(MemorySegment.ofAddress(address).reinterpret(bytes))
                    : new DeviceMemory(address, bytes);
        }
    }
}
