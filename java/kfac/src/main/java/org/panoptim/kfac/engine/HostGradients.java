package org.panoptim.kfac.engine;

import org.jspecify.annotations.Nullable;
import org.panoptim.matrix.Floats;
import org.panoptim.matrix.HostAlgebra;
import org.panoptim.memory.HostMemory;
import org.panoptim.parameter.Parameter;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Optional;

/** Preconditions the gradients of layers in host memory. */
final class HostGradients {

    /** The relative error of rounding to float. */
    private static final double UNIT = 0x1p-24;

    /** What rounding may make of the result, relative to it, at worst. */
    private static final double LARGEST_ROUNDING = 0x1p-9;

    private final KroneckerPlan plan;
    private final HostAlgebra algebra;
    private final Arena arena;

    /** Of each layer three matrices [weight | bias]: gradient, half of the product, the product. */
    private final @Nullable MemorySegment[][] work;

    HostGradients(KroneckerPlan plan, HostAlgebra algebra, Arena arena) {
        this.plan = plan;
        this.algebra = algebra;
        this.arena = arena;
        work = new MemorySegment[plan.layers().size()][];
    }

    /**
     * Checks that the gradients of a layer can be rewritten by this thread, and prepares for it.
     *
     * @throws IllegalStateException if one is read-only, or its arena is closed or another thread's
     * @throws IllegalArgumentException if there is no such layer, or a gradient is absent or in
     *     device memory
     */
    void check(Preconditioning wanted) {
        if (wanted.layer() < 0 || wanted.layer() >= plan.layers().size()) {
            throw new IllegalArgumentException(
                    "there is no layer %d; there are %d"
                            .formatted(wanted.layer(), plan.layers().size()));
        }
        var layer = plan.layers().get(wanted.layer());
        for (var parameter : parameters(wanted)) {
            check(layer, parameter);
        }
        matrices(wanted.layer());
    }

    private static void check(KroneckerLayer layer, Parameter parameter) {
        var memory = parameter.gradient();
        if (memory.isEmpty()) {
            throw new IllegalArgumentException(
                    "layer '%s': parameter '%s' has no gradient"
                            .formatted(layer.name(), parameter.name()));
        }
        if (!(memory.get() instanceof HostMemory(var segment))) {
            throw new IllegalArgumentException(
                    "layer '%s': the gradient of parameter '%s' lies in device memory, but the backend computes on the host"
                            .formatted(layer.name(), parameter.name()));
        }
        var fault = Floats.fault(segment);
        if (fault.isEmpty() && segment.isReadOnly()) {
            fault = Optional.of("the segment is read-only");
        }
        fault.ifPresent(
                why -> {
                    throw new IllegalStateException(
                            "layer '%s': the gradient of parameter '%s' cannot be rewritten: %s"
                                    .formatted(layer.name(), parameter.name(), why));
                });
    }

    private List<Parameter> parameters(Preconditioning wanted) {
        var layer = plan.layers().get(wanted.layer());
        if (layer.bias().isEmpty() || !wanted.bias()) {
            return wanted.weight() ? List.of(layer.weight()) : List.of();
        }
        return wanted.weight()
                ? List.of(layer.weight(), layer.bias().get())
                : List.of(layer.bias().get());
    }

    /** Whether every thread may read and write a layer's gradients. */
    boolean areShared(Preconditioning wanted) {
        for (var parameter : parameters(wanted)) {
            if (!Floats.isShared(gradient(parameter))) {
                return false;
            }
        }
        return true;
    }

    private MemorySegment[] matrices(int layer) {
        var found = work[layer];
        if (found == null) {
            var described = plan.layers().get(layer);
            long elements = (long) described.outputs() * described.inputFactor();
            found = new MemorySegment[3];
            for (int i = 0; i < found.length; i++) {
                found[i] = arena.allocate(elements * Float.BYTES, 64);
            }
            work[layer] = found;
        }
        return found;
    }

    /** Puts a layer's gradients side by side: [∇W | ∇b]. */
    void join(Preconditioning wanted) {
        var layer = plan.layers().get(wanted.layer());
        var joined = matrices(wanted.layer())[0];
        long width = (long) layer.inputs() * Float.BYTES;
        long stride = (long) layer.inputFactor() * Float.BYTES;
        if (parameters(wanted).size() < (layer.bias().isPresent() ? 2 : 1)) {
            joined.fill((byte) 0);
        }
        if (wanted.weight()) {
            var weight = gradient(layer.weight());
            for (long row = 0; row < layer.outputs(); row++) {
                MemorySegment.copy(weight, row * width, joined, row * stride, width);
            }
        }
        if (wanted.bias() && layer.bias().isPresent()) {
            var bias = gradient(layer.bias().get());
            for (long row = 0; row < layer.outputs(); row++) {
                MemorySegment.copy(
                        bias, row * Float.BYTES, joined, row * stride + width, Float.BYTES);
            }
        }
    }

    /**
     * Computes U = X_G ∇ X_A of what was joined, and returns ⟨U, ∇⟩. Where what is left of the
     * gradient is so little that rounding to float on the way would show in it, as that of few rows
     * at little damping, or where floats are too large for what is on the way, it is computed in
     * double.
     *
     * @param inputNorm a bound from above of {@code ‖X_A‖₂}
     * @param outputNorm likewise of {@code ‖X_G‖₂}
     */
    double precondition(
            int layer,
            MemorySegment inputInverse,
            MemorySegment outputInverse,
            double inputNorm,
            double outputNorm) {
        var described = plan.layers().get(layer);
        int rows = described.outputs();
        int columns = described.inputFactor();
        var matrices = matrices(layer);
        algebra.multiply(rows, columns, columns, matrices[0], inputInverse, matrices[1]);
        algebra.multiply(rows, columns, rows, outputInverse, matrices[1], matrices[2]);
        double product = 0;
        double before = 0;
        double after = 0;
        for (long i = 0; i < (long) rows * columns; i++) {
            double gradient = Floats.get(matrices[0], i);
            double result = Floats.get(matrices[2], i);
            product += gradient * result;
            before += gradient * gradient;
            after += result * result;
        }
        double rounding = UNIT * inputNorm * outputNorm * Math.sqrt(before);
        rounding += Float.MIN_NORMAL * columns * Math.sqrt((double) rows * columns) * outputNorm;
        boolean accurate =
                Double.isFinite(after) && rounding <= LARGEST_ROUNDING * Math.sqrt(after);
        if (!accurate && Double.isFinite(before)) {
            algebra.multiplyInDouble(
                    rows, columns, outputInverse, matrices[0], inputInverse, matrices[2]);
            product = 0;
            for (long i = 0; i < (long) rows * columns; i++) {
                product += (double) Floats.get(matrices[0], i) * Floats.get(matrices[2], i);
            }
        }
        return product;
    }

    /** Turns U into zeros, but where the gradient is not finite, into what that is. */
    void standStill(int layer) {
        var joined = matrices(layer)[0];
        var product = matrices(layer)[2];
        for (long i = 0; i < product.byteSize() / Float.BYTES; i++) {
            float gradient = Floats.get(joined, i);
            Floats.set(product, i, Float.isFinite(gradient) ? 0 : gradient);
        }
    }

    /** Sets the layer's gradients to U times a coefficient. */
    void write(Preconditioning wanted, double coefficient) {
        write(wanted, matrices(wanted.layer())[2], coefficient);
    }

    /** Sets the layer's gradients to what they were when they were joined. */
    void putBack(Preconditioning wanted) {
        write(wanted, matrices(wanted.layer())[0], 1);
    }

    private void write(Preconditioning wanted, MemorySegment joined, double coefficient) {
        var layer = plan.layers().get(wanted.layer());
        int columns = layer.inputFactor();
        if (wanted.weight()) {
            var weight = gradient(layer.weight());
            for (long row = 0; row < layer.outputs(); row++) {
                for (int i = 0; i < layer.inputs(); i++) {
                    Floats.set(
                            weight,
                            row * layer.inputs() + i,
                            (float) (coefficient * Floats.get(joined, row * columns + i)));
                }
            }
        }
        if (wanted.bias() && layer.bias().isPresent()) {
            var bias = gradient(layer.bias().get());
            for (long row = 0; row < layer.outputs(); row++) {
                Floats.set(
                        bias,
                        row,
                        (float) (coefficient * Floats.get(joined, (row + 1) * columns - 1)));
            }
        }
    }

    private static MemorySegment gradient(Parameter parameter) {
        return ((HostMemory) parameter.gradient().orElseThrow()).segment();
    }
}
