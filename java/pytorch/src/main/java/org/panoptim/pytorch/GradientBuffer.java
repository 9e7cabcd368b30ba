package org.panoptim.pytorch;

import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.LongOptional;

import java.util.List;

/**
 * Gives the engine's gradients one flat piece of memory.
 *
 * <p>The engine owns it: it lives as long as a gradient is a view of it, also when the parameters
 * are closed, and is gone when the engine has replaced all of them.
 */
final class GradientBuffer {

    /** Elements in 64 bytes, a cache line and the widest vector: where a gradient may begin. */
    private static final long ALIGNMENT = 16;

    private GradientBuffer() {}

    /**
     * Makes each tensor's gradient a view of a new buffer on the tensors' device, which keeps what
     * was there.
     */
    static void install(List<TrackedTensor> tensors) {
        var offsets = new long[tensors.size()];
        long end = 0;
        for (int i = 0; i < offsets.length; i++) {
            offsets[i] = end;
            long elements = tensors.get(i).parameter().elements();
            end += Math.ceilDiv(elements, ALIGNMENT) * ALIGNMENT;
        }
        if (tensors.isEmpty()) {
            return;
        }
        try (var _ = new PointerScope()) {
            var buffer = tensors.getFirst().zeros(end);
            for (int i = 0; i < offsets.length; i++) {
                var layout = tensors.get(i).layout();
                var view =
                        buffer.as_strided(
                                layout.sizes(), layout.strides(), new LongOptional(offsets[i]));
                // Views count versions together, which would say nothing of one of them.
                tensors.get(i).installGradient(view.variable_data());
            }
        }
    }
}
