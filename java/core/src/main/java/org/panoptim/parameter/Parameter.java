package org.panoptim.parameter;

import org.jspecify.annotations.Nullable;
import org.panoptim.memory.HostMemory;
import org.panoptim.memory.Memory;
import org.panoptim.tensor.DType;
import org.panoptim.tensor.DimensionOrder;
import org.panoptim.tensor.Shape;

import java.lang.foreign.MemorySegment;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;

/**
 * A tensor to be trained: its value, and the gradient and curvature of the coming step. While an
 * optimizer's call runs, backend {@code simd} keeps the arenas of this memory from being closed;
 * whoever tries gets an {@link IllegalStateException}. <strong>What cannot be held is the caller's
 * care:</strong> memory that is known by its address alone (of a framework, a device, or {@link
 * MemorySegment#ofAddress}) must not be freed, and a mapped file not be cut, while a call runs; the
 * JVM may crash, or memory be overwritten that belongs to others by then. The same goes for the
 * arenas beyond the first 1024 of one optimizer. With backend {@code reference}, a call that finds
 * an arena closed in its middle makes the optimizer unusable.
 *
 * <p>Value, gradient and curvature are dense, have the same shape and the same order of elements,
 * and belong to the caller, who keeps them alive until the optimizer is closed (or, for a gradient,
 * until another one is set). A gradient may be set anew before every step, at another address each
 * time.
 *
 * <p>No two pieces of memory that a step uses may overlap. Values and outputs are checked against
 * each other, and a gradient or curvature against its own; beyond that it is the caller's care.
 *
 * <p>Not safe for use by several threads at once.
 */
public final class Parameter {

    /** What the address methods answer for memory on the Java heap, which has no fixed address. */
    public static final long ON_HEAP = -1;

    private final String name;
    private final Shape shape;
    private final DimensionOrder order;
    private final DType dtype;
    private final long elements;
    private final Memory value;
    private final @Nullable ParameterSource source;
    private final @Nullable Output copy;
    private final @Nullable Output average;
    private @Nullable Memory gradient;
    private @Nullable Memory curvature;

    private long gradientAddress;
    private long curvatureAddress;

    /** Another number after every change of gradient or curvature. */
    private int revision;

    private Parameter(
            String name,
            Shape shape,
            DimensionOrder order,
            DType dtype,
            Memory value,
            @Nullable ParameterSource source,
            @Nullable Output copy,
            @Nullable Output average) {
        this.name = Names.check("parameter", name);
        Objects.requireNonNull(shape, "shape");
        Objects.requireNonNull(order, "order");
        // As the tensor has it, whatever order its dimensions of size 1 came in.
        var tensor = order.ofTensor(shape);
        this.order = DimensionOrder.of(tensor, order.dimensions());
        this.shape = this.order.inMemory(tensor);
        this.dtype = Objects.requireNonNull(dtype, "dtype");
        this.elements = shape.elements();
        this.value = Objects.requireNonNull(value, "value");
        this.source = source;
        this.copy = copy;
        this.average = average;
        if (dtype != DType.F32 && dtype != DType.BF16) {
            throw refused("dtype must be F32 or BF16, but is " + dtype);
        }
        checkMemory("value", dtype, value);
        if (value instanceof HostMemory(var segment) && segment.isReadOnly()) {
            throw refused("the value's segment is read-only");
        }
        checkOutput("copy", copy);
        checkOutput("average", average);
        if (copy != null && average != null && copy.memory().overlaps(average.memory())) {
            throw refused("the average overlaps the copy");
        }
    }

    /**
     * A float32 parameter in host memory.
     *
     * @param name unique within its optimizer, without control characters; checkpoints and reports
     *     use it
     * @param shape the tensor's shape
     * @param value its elements, 4 bytes each, row by row, 4-byte aligned
     * @throws IllegalArgumentException if the segment's size, alignment or access does not fit
     */
    public static Parameter of(String name, Shape shape, MemorySegment value) {
        return of(name, shape, new HostMemory(value));
    }

    /**
     * A float32 parameter.
     *
     * @param name unique within its optimizer, without control characters; checkpoints and reports
     *     use it
     * @param shape the tensor's shape
     * @param value its elements, 4 bytes each, row by row, 4-byte aligned
     * @throws IllegalArgumentException if the memory's size, alignment or access does not fit
     */
    public static Parameter of(String name, Shape shape, Memory value) {
        Objects.requireNonNull(shape, "shape");
        return of(name, shape, DimensionOrder.contiguous(shape.dimensions().size()), value);
    }

    /**
     * A float32 parameter whose dimensions lie in memory in an order of their own.
     *
     * @param name unique within its optimizer, without control characters; checkpoints and reports
     *     use it
     * @param shape the shape of the memory when it is read row by row ({@link
     *     DimensionOrder#inMemory})
     * @param order which dimension of the tensor each of these is
     * @param value its elements, 4 bytes each, 4-byte aligned, without gaps
     * @throws IllegalArgumentException if the order does not fit the shape, or the memory's size,
     *     alignment or access does not
     */
    public static Parameter of(String name, Shape shape, DimensionOrder order, Memory value) {
        return of(name, shape, order, DType.F32, value);
    }

    /**
     * A parameter of a type, whose gradients and curvature have the same one. Rules compute with
     * float32 whatever it is, and keep their states in it; the value is rounded when it is stored,
     * to nearest, ties to even.
     *
     * @param name unique within its optimizer, without control characters; checkpoints and reports
     *     use it
     * @param shape the tensor's shape
     * @param dtype {@link DType#F32} or {@link DType#BF16}
     * @param value its elements, row by row, aligned to one of them
     * @throws IllegalArgumentException if the type is another one, or the memory's size, alignment
     *     or access does not fit
     */
    public static Parameter of(String name, Shape shape, DType dtype, Memory value) {
        Objects.requireNonNull(shape, "shape");
        return of(name, shape, DimensionOrder.contiguous(shape.dimensions().size()), dtype, value);
    }

    /** As {@link #of(String, Shape, DType, Memory)}, in host memory. */
    public static Parameter of(String name, Shape shape, DType dtype, MemorySegment value) {
        return of(name, shape, dtype, new HostMemory(value));
    }

    /**
     * As {@link #of(String, Shape, DType, Memory)}, whose dimensions lie in memory in an order of
     * their own, as {@link #of(String, Shape, DimensionOrder, Memory)} has it.
     */
    public static Parameter of(
            String name, Shape shape, DimensionOrder order, DType dtype, Memory value) {
        return new Parameter(name, shape, order, dtype, value, null, null, null);
    }

    /**
     * As {@link #of(String, Shape, DimensionOrder, Memory)}, of a framework's memory, for its
     * adapter: optimizers ask the source before they touch the parameter's memory, and tell it what
     * they wrote.
     *
     * @param source decides, whenever an optimizer asks it, which gradient the parameter has
     */
    public static Parameter of(
            String name, Shape shape, DimensionOrder order, Memory value, ParameterSource source) {
        return new Parameter(
                name,
                shape,
                order,
                DType.F32,
                value,
                Objects.requireNonNull(source, "source"),
                null,
                null);
    }

    /**
     * This parameter with a copy: after each step that updates the parameter, the copy has the
     * value as the rule computed it, rounded to the copy's type. So a float32 parameter is the
     * master of a model in bfloat16. {@linkplain org.panoptim.Optimizer#run Passes} that write the
     * value write the copy, too, of every parameter that they go over: from the value as it is
     * stored, so that a float32 copy of a bfloat16 parameter has lost then what rounding took.
     * Until then it is what the caller made it.
     *
     * @return another parameter over the same value, with the same gradient and curvature; an
     *     optimizer has one of the two
     * @throws IllegalArgumentException if the copy's size or alignment does not fit, or it overlaps
     *     the value or the average, or the parameter is a framework's, which knows this one alone
     */
    public Parameter copiedTo(Output copy) {
        Objects.requireNonNull(copy, "copy");
        return withOutputs(copy, average);
    }

    /**
     * This parameter with a moving average: each step that is accepted moves it by {@code 1 -
     * decay} of the way towards the value as the rule computed it, or as it is where the parameter
     * has no gradient or is frozen, with the decay of {@link
     * org.panoptim.Optimizer.Builder#averageDecay}. It begins as what the caller made it, mostly a
     * copy of the value. Every {@linkplain org.panoptim.Optimizer#run pass} leaves it alone,
     * whatever that does to the value: what is moved for a while, as by SAM, is not averaged.
     *
     * @return another parameter over the same value, with the same gradient and curvature; an
     *     optimizer has one of the two
     * @throws IllegalArgumentException if the average's size or alignment does not fit, or it
     *     overlaps the value or the copy, or the parameter is a framework's, which knows this one
     *     alone
     */
    public Parameter averagedIn(Output average) {
        Objects.requireNonNull(average, "average");
        return withOutputs(copy, average);
    }

    private Parameter withOutputs(@Nullable Output newCopy, @Nullable Output newAverage) {
        requireOwn();
        var with = new Parameter(name, shape, order, dtype, value, null, newCopy, newAverage);
        if (gradient != null) {
            with.gradient(gradient);
        }
        if (curvature != null) {
            with.curvature(curvature);
        }
        return with;
    }

    /** The name. */
    public String name() {
        return name;
    }

    /**
     * The shape of the value's memory when it is read row by row; that of the tensor itself if the
     * {@link #order} is contiguous.
     */
    public Shape shape() {
        return shape;
    }

    /**
     * Which dimension of the tensor each dimension of {@link #shape} is. Gradients, curvature and
     * states have the same order. Checkpoints keep it, and K-FAC and matrix rules refuse one that
     * is not contiguous. A dimension of size 1 is at its own index.
     */
    public DimensionOrder order() {
        return order;
    }

    /** The type of the value's elements. */
    public DType dtype() {
        return dtype;
    }

    /** The number of elements. */
    public long elements() {
        return elements;
    }

    /** The value, as it was handed in. */
    public Memory value() {
        return value;
    }

    /** Where each step leaves a copy of the value, if it does. */
    public Optional<Output> copy() {
        return Optional.ofNullable(copy);
    }

    /** Where the moving average of the value is, if there is one. */
    public Optional<Output> average() {
        return Optional.ofNullable(average);
    }

    /** The outputs that there are, each under what messages call it. */
    public Map<String, Output> outputs() {
        var outputs = new LinkedHashMap<String, Output>();
        if (copy != null) {
            outputs.put("copy", copy);
        }
        if (average != null) {
            outputs.put("average", average);
        }
        return outputs;
    }

    /** The gradient of the coming step, if there is one. */
    public Optional<Memory> gradient() {
        return Optional.ofNullable(gradient);
    }

    /** Whether the coming step has a gradient for this parameter. */
    public boolean hasGradient() {
        return gradient != null;
    }

    /**
     * Sets the gradient of the coming steps; it stays until it is set anew or cleared.
     *
     * @param gradient elements of the value's type in its order; the optimizer writes to it only to
     *     zero it, if asked for, and where its transform rewrites it, as K-FAC does
     * @return this
     * @throws IllegalArgumentException if its size or alignment does not fit or it overlaps the
     *     value
     */
    public Parameter gradient(MemorySegment gradient) {
        return gradient(new HostMemory(gradient));
    }

    /** As {@link #gradient(MemorySegment)}, for any memory. */
    public Parameter gradient(Memory gradient) {
        checkMemory("gradient", dtype, gradient);
        checkApartFromAll("gradient", gradient);
        this.gradient = gradient;
        gradientAddress = addressOf(gradient);
        revision++;
        return this;
    }

    /** Takes the gradient away: the coming steps leave this parameter and its count alone. */
    public Parameter clearGradient() {
        if (gradient != null) {
            gradient = null;
            gradientAddress = 0;
            revision++;
        }
        return this;
    }

    /** The curvature of the coming step, if there is one. */
    public Optional<Memory> curvature() {
        return Optional.ofNullable(curvature);
    }

    /** Whether the coming step has curvature for this parameter. */
    public boolean hasCurvature() {
        return curvature != null;
    }

    /**
     * Hands in curvature for the coming step alone; the rule folds it in before that step's update,
     * and the step takes it away again. Without a gradient in that step, or in a frozen group, it
     * is not used. A call of {@link org.panoptim.Optimizer#step} that is refused for bad use leaves
     * it there for the next one. An attempt that is refused since a gradient is not finite takes it
     * away like any other, under every {@link org.panoptim.step.NonFinitePolicy}: a dynamic loss
     * scale is another one afterwards, and with a device the host does not know yet.
     *
     * <p>What it holds depends on the rule ({@link org.panoptim.rule.SophiaG SophiaG}, {@link
     * org.panoptim.rule.SophiaH SophiaH}, {@link org.panoptim.rule.AdaFisher AdaFisher}). Like a
     * gradient it comes multiplied by the loss scale; it is not clipped.
     *
     * @return this
     * @throws IllegalArgumentException if its size or alignment does not fit or it overlaps the
     *     value
     */
    public Parameter curvature(MemorySegment curvature) {
        return curvature(new HostMemory(curvature));
    }

    /** As {@link #curvature(MemorySegment)}, for any memory. */
    public Parameter curvature(Memory curvature) {
        checkMemory("curvature", dtype, curvature);
        checkApartFromAll("curvature", curvature);
        this.curvature = curvature;
        curvatureAddress = addressOf(curvature);
        revision++;
        return this;
    }

    /** Takes the curvature away. */
    public Parameter clearCurvature() {
        if (curvature != null) {
            curvature = null;
            curvatureAddress = 0;
            revision++;
        }
        return this;
    }

    /**
     * The gradient's address, 0 if there is none or no element, {@link #ON_HEAP} if it lies on the
     * Java heap; allocates nothing.
     */
    public long gradientAddress() {
        return gradientAddress;
    }

    /** As {@link #gradientAddress()}, of the curvature. */
    public long curvatureAddress() {
        return curvatureAddress;
    }

    private long addressOf(Memory memory) {
        if (elements == 0) {
            return 0;
        }
        return memory instanceof HostMemory host && !host.segment().isNative()
                ? ON_HEAP
                : memory.address();
    }

    /**
     * A number that is another one after every change of gradient or curvature, for those who keep
     * what they saw; allocates nothing.
     */
    public int revision() {
        return revision;
    }

    /** The framework whose memory it is and which may change it; empty if it is the caller's. */
    public Optional<ParameterSource> source() {
        return Optional.ofNullable(source);
    }

    private void requireOwn() {
        if (source != null) {
            throw refused("it belongs to a framework, which would not know another one for it");
        }
    }

    private void checkOutput(String what, @Nullable Output output) {
        if (output != null) {
            checkMemory(what, output.type(), output.memory());
            checkApart(what, output.memory());
        }
    }

    private void checkMemory(String what, DType type, Memory memory) {
        Objects.requireNonNull(memory, what);
        long expected = elements * type.byteSize();
        if (memory.byteSize() != expected) {
            throw refused(
                    "shape "
                            + shape
                            + " of "
                            + type
                            + " needs "
                            + expected
                            + " bytes, but the "
                            + what
                            + " has "
                            + memory.byteSize());
        }
        boolean heap = memory instanceof HostMemory(var segment) && !segment.isNative();
        if (!heap && memory.address() % type.byteSize() != 0) {
            throw refused(
                    "the "
                            + what
                            + " must be aligned to "
                            + type.byteSize()
                            + " bytes, but lies at 0x"
                            + Long.toHexString(memory.address()));
        }
        if (heap && ((HostMemory) memory).segment().maxByteAlignment() < type.byteSize()) {
            throw refused(
                    "the "
                            + what
                            + " must be aligned to "
                            + type.byteSize()
                            + " bytes, but lies where its Java array aligns to "
                            + ((HostMemory) memory).segment().maxByteAlignment()
                            + "; use a "
                            + (type == DType.F32 ? "float[]" : "short[]")
                            + " or native memory");
        }
    }

    private void checkApart(String what, Memory memory) {
        if (value.overlaps(memory)) {
            throw refused("the " + what + " overlaps the value");
        }
    }

    /** A gradient or curvature is read while the outputs are written. */
    private void checkApartFromAll(String what, Memory memory) {
        checkApart(what, memory);
        if (copy != null && copy.memory().overlaps(memory)) {
            throw refused("the " + what + " overlaps the copy");
        }
        if (average != null && average.memory().overlaps(memory)) {
            throw refused("the " + what + " overlaps the average");
        }
    }

    private IllegalArgumentException refused(String why) {
        return new IllegalArgumentException("parameter '" + name + "': " + why);
    }

    /** The name and the shape. */
    @Override
    public String toString() {
        return "Parameter " + name + shape;
    }
}
