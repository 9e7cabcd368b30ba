package org.panoptim.pytorch;

import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.BoolOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorImpl;
import org.bytedeco.pytorch.TensorOptions;
import org.bytedeco.pytorch.VoidTensorHook;
import org.bytedeco.pytorch.global.torch;
import org.jspecify.annotations.Nullable;
import org.panoptim.memory.DeviceMemory;
import org.panoptim.memory.HostMemory;
import org.panoptim.memory.Memory;
import org.panoptim.parameter.Parameter;
import org.panoptim.parameter.ParameterSource;
import org.panoptim.tensor.DType;
import org.panoptim.tensor.StateTensor;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Optional;
import java.util.OptionalLong;

/** One of the engine's tensors, and the parameter that stands for it. */
final class TrackedTensor {

    /** The address of a gradient that is not there. */
    static final long ABSENT = 0;

    /** Stands for the address of device memory without elements. */
    private static final long NOWHERE = 256;

    private final String name;
    private final Tensor tensor;
    private final TensorImpl implementation;
    private final TensorQueries queries;
    private final Layout layout;
    private final long address;
    private final long byteSize;
    private final Arena arena;
    private final String device;
    private final int deviceType;
    private final int deviceIndex;
    private final Parameter parameter;

    /** The engine's variable for the gradient, which is there as long as the tensor is. */
    private @Nullable Tensor gradient;

    /** Of the tensor that was the gradient last, if the engine counts its versions. */
    private @Nullable TensorImpl gradientImplementation;

    /** The gradient's version when a pass had completed it, until a step or the next pass. */
    private OptionalLong completed = OptionalLong.empty();

    /** The gradient while others may be reading it, whatever the engine does with its own. */
    private @Nullable Tensor held;

    /** What the gradient's version was before the pass that goes on. */
    private long before;

    /** Where curvature lies between the backward pass that made it and the step that uses it. */
    private @Nullable Tensor curvature;

    /**
     * @param tensor the engine's tensor, of which {@link Suitability} found no problem; this object
     *     keeps a reference to it until {@link #release}
     * @param arena bounds the use of the parameter's memory, which is the engine's
     * @param source what the parameter's optimizers ask
     */
    TrackedTensor(
            String name,
            Tensor tensor,
            Arena arena,
            TensorQueries queries,
            ParameterSource source) {
        this.name = name;
        this.queries = queries;
        this.layout = Layout.of(tensor);
        this.address = Suitability.address(tensor);
        this.arena = arena;
        var shape = layout.shape();
        this.byteSize = shape.elements() * Float.BYTES;
        this.device = Suitability.device(tensor);
        this.deviceType = queries.deviceType(tensor.address());
        this.deviceIndex = queries.deviceIndex(tensor.address());
        this.parameter = Parameter.of(name, shape, layout.order(), memory(address), source);
        this.tensor = new Tensor(tensor);
        // Without it, a PointerScope around the caller would let go of the tensor.
        this.tensor.retainReference();
        this.implementation = this.tensor.unsafeGetTensorImpl();
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
     * Looks at the engine's gradient. A tensor that requires none has none, whatever the engine
     * keeps of earlier passes.
     *
     * @return its address, or {@link #ABSENT}
     * @throws IllegalStateException if the optimizer cannot use it, or the value is not as it was
     */
    long findGradient() {
        if (!tensor.requires_grad()) {
            return ABSENT;
        }
        checkValue();
        if (byteSize == 0) {
            return ABSENT;
        }
        var present = gradient;
        if (present == null) {
            present = tensor.mutable_grad();
            gradient = present;
        }
        if (!present.defined()) {
            return ABSENT;
        }
        requireAsCompleted();
        if (!fits(present)) {
            throw new IllegalStateException("the gradient of '" + name + "' " + problem(present));
        }
        long data = queries.data(present.address());
        if (data % Float.BYTES != 0) {
            throw new IllegalStateException(
                    "the gradient of '%s' is not aligned: it lies at 0x%x".formatted(name, data));
        }
        if (Math.abs(data - address) < byteSize) {
            throw new IllegalStateException("the gradient of '" + name + "' overlaps its value");
        }
        return data;
    }

    /**
     * Checks that the value is where and how it was, whether the tensor requires a gradient or not.
     *
     * @throws IllegalStateException if it is not
     */
    void checkValue() {
        if (!fits(tensor) || queries.data(tensor.address()) != address) {
            throw new IllegalStateException(problemOfValue());
        }
    }

    /** Whether it can be used as the parameter's memory, or a gradient in its order. */
    private boolean fits(Tensor candidate) {
        long at = candidate.address();
        return queries.isDenseFloat(at)
                && !candidate.is_neg()
                && queries.deviceType(at) == deviceType
                && queries.deviceIndex(at) == deviceIndex
                && queries.isLaidOut(at, layout);
    }

    /** Why a gradient does not fit, to follow its name in a sentence. */
    private String problem(Tensor gradient) {
        return Suitability.problem(gradient)
                .or(() -> problemOfDevice(gradient))
                .orElseGet(
                        () ->
                                "must lie in memory as the value does (%s), but has %s"
                                        .formatted(layout, Layout.of(gradient)));
    }

    private Optional<String> problemOfDevice(Tensor candidate) {
        var actual = Suitability.device(candidate);
        return actual.equals(device)
                ? Optional.empty()
                : Optional.of(
                        "must be on %s as the value is, but is on %s".formatted(device, actual));
    }

    private String problemOfValue() {
        var change =
                Suitability.problem(tensor)
                        .map(problem -> "changed '%s', which %s,".formatted(name, problem))
                        .orElseGet(this::moved);
        return "the engine has "
                + change
                + " since the parameters were made; they and their optimizer must be made anew";
    }

    private String moved() {
        boolean elsewhere =
                Suitability.address(tensor) != address
                        || !Suitability.device(tensor).equals(device);
        return elsewhere
                ? "given '%s' other memory (as Module.to does)".formatted(name)
                : "laid out '%s' otherwise (as set_data with a permuted view does), with %s instead of %s,"
                        .formatted(name, Layout.of(tensor), layout);
    }

    /** Lets the parameter have the gradient at this address, or none. */
    void follow(long gradient) {
        if (gradient == ABSENT) {
            parameter.clearGradient();
        } else if (parameter.gradientAddress() != gradient) {
            parameter.gradient(memory(gradient));
        }
    }

    /** Lets the engine refuse backward passes that would need the value as it was. */
    void valueWritten() {
        if (!implementation.is_inference()) {
            implementation.bump_version();
        }
    }

    /** Whether the engine can tell when its gradient is made. */
    boolean canBeHooked() {
        return tensor.requires_grad() && device.equals("cpu");
    }

    /** Lets the engine call a hook before it adds to the gradient, and says where it is kept. */
    int register(VoidTensorHook hook) {
        return tensor.register_hook(hook);
    }

    /** Takes a hook away. */
    void removeHook(int place) {
        tensor.remove_hook(place);
    }

    /** A backward pass begins. */
    void beginPass() {
        forgetPass();
        before = version();
        var present = gradient;
        if (present != null && present.defined()) {
            var kept = new Tensor(present);
            kept.retainReference();
            held = kept;
        }
    }

    /** What a pass has completed may be changed again. */
    void forgetPass() {
        completed = OptionalLong.empty();
        var kept = held;
        if (kept != null) {
            kept.releaseReference();
            held = null;
        }
    }

    /**
     * The pass has added to the gradient, and will not again.
     *
     * @return whether it has
     */
    boolean markComplete() {
        long now = version();
        if (now == before) {
            return false;
        }
        completed = OptionalLong.of(now);
        return true;
    }

    /**
     * The pass is over, and the gradient complete.
     *
     * @throws IllegalStateException if it was before, and the engine has written to it since
     */
    void endPass() {
        requireAsCompleted();
        completed = OptionalLong.of(version());
    }

    /**
     * Checks that a gradient which a pass has completed is as it was then.
     *
     * @throws IllegalStateException if the engine has written to it since
     */
    void requireAsCompleted() {
        if (completed.isPresent() && completed.getAsLong() != version()) {
            throw new IllegalStateException(
                    "the gradient of '%s' was changed after the backward pass had completed it, when others may have had it already"
                            .formatted(name));
        }
    }

    /** How often the engine counts the gradient as written; -1 where it does not count. */
    private long version() {
        var present = gradient;
        return present == null || !present.defined() || present.is_inference()
                ? -1
                : present._version();
    }

    /** As {@link #valueWritten}, of the last gradient. */
    void gradientWritten() {
        forgetPass();
        var present = gradient;
        if (present == null || !present.defined()) {
            return;
        }
        var known = gradientImplementation;
        // An object is made in a step only if the gradient is another tensor.
        if (known == null || TensorQueries.implementation(present.address()) != known.address()) {
            known = present.unsafeGetTensorImpl();
            gradientImplementation = known;
        }
        if (!known.is_inference()) {
            known.bump_version();
        }
    }

    /** A new tensor of zeros on the same device. */
    Tensor zeros(long elements) {
        return torch.zeros(
                new long[] {elements}, tensor.options().requires_grad(new BoolOptional(false)));
    }

    /** A new tensor on the CPU with the elements of a state, laid out as the value if it can be. */
    Tensor copyOf(StateTensor state) {
        boolean alike = state.shape().equals(parameter.shape());
        var shape = alike ? layout : Layout.ofRows(state.shape());
        var type = state.dtype() == DType.F64 ? torch.ScalarType.Double : torch.ScalarType.Float;
        var copy = torch.empty_strided(shape.sizes(), shape.strides(), new TensorOptions(type));
        if (state.byteSize() > 0) {
            long at = Suitability.address(copy);
            state.read(0, MemorySegment.ofAddress(at).reinterpret(state.byteSize()));
        }
        return copy;
    }

    /** The device that the value is on, as the engine writes it. */
    String device() {
        return device;
    }

    /** Where the value begins. */
    long address() {
        return address;
    }

    /** The size of the value. */
    long byteSize() {
        return byteSize;
    }

    /**
     * Moves the gradient that the engine has into separate memory, as the coming step's curvature;
     * zeros stay behind.
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
        forgetPass();
        tensor.releaseReference();
        if (curvature != null) {
            curvature.releaseReference();
            curvature = null;
        }
    }
}
