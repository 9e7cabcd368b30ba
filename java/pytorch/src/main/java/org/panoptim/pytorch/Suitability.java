package org.panoptim.pytorch;

import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;

import java.util.Optional;

/** Whether an optimizer can work on a tensor's memory as it lies there. */
final class Suitability {

    private Suitability() {}

    /** Why it cannot be queried, to follow the tensor's name; empty if it can. */
    static Optional<String> problemOfDefinition(Tensor tensor) {
        return tensor.defined() ? Optional.empty() : Optional.of("is undefined");
    }

    /**
     * Why the value of a tensor that is defined cannot be trained, to follow its name in a
     * sentence; empty if it can.
     */
    static Optional<String> problemOfValue(Tensor tensor) {
        if (!tensor.is_leaf()) {
            return Optional.of(
                    "is computed from other tensors, so the engine keeps no gradient of it");
        }
        return problem(tensor);
    }

    /** Why it cannot, to follow the tensor's name in a sentence; empty if it can. */
    static Optional<String> problem(Tensor tensor) {
        // Checked first, since the later checks fail on a sparse tensor.
        // Values are compared, since intern() walks over all constants on every call.
        var layout = tensor.layout();
        if (layout.value != torch.Layout.Strided.value) {
            return Optional.of("is not dense: its layout is " + layout.intern());
        }
        if (!tensor.is_cpu() && !tensor.is_cuda()) {
            return Optional.of(
                    "is neither on the CPU nor on a CUDA device, but on "
                            + tensor.device().str().getString());
        }
        var type = tensor.scalar_type();
        if (type.value != torch.ScalarType.Float.value) {
            return Optional.of(
                    "must be float32, the only type supported yet, but is " + type.intern());
        }
        if (tensor.is_neg()) {
            return Optional.of("is a view that negates lazily");
        }
        if (!tensor.is_non_overlapping_and_dense()) {
            return Optional.of("has gaps or overlaps in memory: " + Layout.of(tensor));
        }
        if (address(tensor) % Float.BYTES != 0) {
            return Optional.of("is not aligned: it lies at 0x" + Long.toHexString(address(tensor)));
        }
        return Optional.empty();
    }

    /** The device that it is on, as the engine writes it. */
    static String device(Tensor tensor) {
        return tensor.is_cpu() ? "cpu" : tensor.device().str().getString();
    }

    /** Where the first element lies; 0 for a tensor without elements. */
    static long address(Tensor tensor) {
        var pointer = tensor.data_ptr();
        return pointer == null ? 0 : pointer.address();
    }
}
