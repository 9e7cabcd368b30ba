package org.panoptim.pytorch;

import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.BoolOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.jspecify.annotations.Nullable;
import org.panoptim.DeviceMemory;
import org.panoptim.HostMemory;
import org.panoptim.Memory;
import org.panoptim.Parameter;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/** One of the engine's tensors, and the parameter that stands for it. */
final class TrackedTensor {

    /** The address of a gradient that is not there. */
    static final long ABSENT = 0;

    /** Stands for the address of device memory without elements. */
    private static final long NOWHERE = 256;

    private final String name;
    private final Tensor tensor;
    private final Layout layout;
    private final long address;
    private final long byteSize;
    private final Arena arena;
    private final String device;
    private final Parameter parameter;

    /** Where curvature lies between the backward pass that made it and the step that uses it. */
    private @Nullable Tensor curvature;

    /**
     * @param tensor the engine's tensor; this object keeps a reference to it until {@link #release}
     * @param arena bounds the use of the parameter's memory, which is the engine's
     */
    TrackedTensor(String name, Tensor tensor, Arena arena) {
        Suitability.problemOfValue(tensor)
                .ifPresent(
                        problem -> {
                            throw new IllegalArgumentException("tensor '" + name + "' " + problem);
                        });
        this.name = name;
        this.layout = Layout.of(tensor);
        this.address = Suitability.address(tensor);
        this.arena = arena;
        var shape = layout.shape();
        this.byteSize = shape.elements() * Float.BYTES;
        this.device = deviceOf(tensor);
        this.parameter = Parameter.of(name, shape, layout.order(), memory(address));
        this.tensor = new Tensor(tensor);
        // Without it, a PointerScope around the caller would let go of the tensor.
        this.tensor.retainReference();
    }

    Parameter parameter() {
        return parameter;
    }

    Layout layout() {
        return layout;
    }

    boolean requiresGradient() {
        return tensor.requires_grad();
    }

    /** Makes the engine accumulate into {@code view}, which takes over a gradient already there. */
    void installGradient(Tensor view) {
        if (findGradient() != ABSENT) {
            view.copy_(tensor.grad());
        }
        tensor.mutable_grad().put(view);
    }

    /**
     * Looks at the engine's gradient.
     *
     * @return its address, or {@link #ABSENT}
     * @throws IllegalStateException if the optimizer cannot use it
     */
    long findGradient() {
        checkValue();
        var gradient = tensor.grad();
        if (!gradient.defined() || byteSize == 0) {
            return ABSENT;
        }
        if (!deviceOf(gradient).equals(device)) {
            throw new IllegalStateException(
                    "the gradient of '%s' must be on %s as the value is, but is on %s"
                            .formatted(name, device, deviceOf(gradient)));
        }
        Suitability.problem(gradient)
                .ifPresent(
                        problem -> {
                            throw new IllegalStateException(
                                    "the gradient of '" + name + "' " + problem);
                        });
        if (!layout.describes(gradient)) {
            throw new IllegalStateException(
                    "the gradient of '"
                            + name
                            + "' must lie in memory as the value does ("
                            + layout
                            + "), but has "
                            + Layout.of(gradient));
        }
        long found = Suitability.address(gradient);
        if (Math.abs(found - address) < byteSize) {
            throw new IllegalStateException("the gradient of '" + name + "' overlaps its value");
        }
        return found;
    }

    private void checkValue() {
        if (Suitability.address(tensor) != address) {
            throw new IllegalStateException(
                    "the engine has given '"
                            + name
                            + "' other memory since the parameters were made (as Module.to does),"
                            + " so they and their optimizer must be made anew");
        }
        if (!layout.describes(tensor)) {
            throw new IllegalStateException(
                    "the engine has laid out '"
                            + name
                            + "' otherwise since the parameters were made (as set_data with a"
                            + " permuted view does): then it had "
                            + layout
                            + ", now "
                            + Layout.of(tensor)
                            + "; the parameters and their optimizer must be made anew");
        }
    }

    /** Lets the parameter have the gradient at this address, or none. */
    void follow(long gradient) {
        if (gradient == ABSENT) {
            parameter.clearGradient();
        } else if (parameter.gradientAddress() != gradient) {
            parameter.gradient(memory(gradient));
        }
    }

    /** A new tensor of zeros on the same device. */
    Tensor zeros(long elements) {
        return torch.zeros(
                new long[] {elements}, tensor.options().requires_grad(new BoolOptional(false)));
    }

    /** The device that the value is on, as the engine writes it. */
    String device() {
        return device;
    }

    private static String deviceOf(Tensor tensor) {
        return tensor.is_cpu() ? "cpu" : tensor.device().str().getString();
    }

    /**
     * Moves the gradient that the engine has into memory of its own, as the coming step's
     * curvature; zeros stay behind.
     */
    void takeGradientAsCurvature() {
        if (findGradient() == ABSENT) {
            return;
        }
        try (var _ = new PointerScope()) {
            var gradient = tensor.grad();
            var kept = curvature;
            if (kept == null) {
                kept = torch.empty_like(gradient);
                kept.retainReference();
                curvature = kept;
            }
            kept.copy_(gradient);
            gradient.zero_();
            parameter.curvature(memory(Suitability.address(kept)));
        }
    }

    private Memory memory(long at) {
        if (device.equals("cpu")) {
            return new HostMemory(MemorySegment.ofAddress(at).reinterpret(byteSize, arena, null));
        }
        // The engine has no address for a tensor without elements.
        return new DeviceMemory(at == 0 ? NOWHERE : at, byteSize);
    }

    void release() {
        tensor.releaseReference();
        if (curvature != null) {
            curvature.releaseReference();
            curvature = null;
        }
    }
}
