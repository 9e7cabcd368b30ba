package org.panoptim.spi.kronecker;

import org.jspecify.annotations.Nullable;
import org.panoptim.HostMemory;
import org.panoptim.Parameter;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/** Preconditions the gradients of layers in host memory. */
final class HostGradients {

    private final KroneckerPlan plan;
    private final KroneckerAlgebra algebra;
    private final Arena arena;

    /** Of each layer three matrices [weight | bias]: gradient, half of the product, the product. */
    private final @Nullable MemorySegment[][] work;

    HostGradients(KroneckerPlan plan, KroneckerAlgebra algebra, Arena arena) {
        this.plan = plan;
        this.algebra = algebra;
        this.arena = arena;
        work = new MemorySegment[plan.layers().size()][];
    }

    /** Whether every thread may read and write a layer's gradients. */
    boolean areShared(int layer) {
        var described = plan.layers().get(layer);
        return Floats.isShared(gradient(described.weight()))
                && described.bias().map(bias -> Floats.isShared(gradient(bias))).orElse(true);
    }

    /** Copies a layer's gradients side by side. */
    void join(int layer) {
        var described = plan.layers().get(layer);
        join(described, matrices(layer, (long) described.outputs() * described.inputFactor())[0]);
    }

    /** Computes U = X_G ∇ X_A of what was joined, and returns ⟨U, ∇⟩. */
    double precondition(int layer, MemorySegment inputInverse, MemorySegment outputInverse) {
        var described = plan.layers().get(layer);
        int rows = described.outputs();
        int columns = described.inputFactor();
        var matrices = matrices(layer, (long) rows * columns);
        algebra.multiply(rows, columns, columns, matrices[0], inputInverse, matrices[1]);
        algebra.multiply(rows, columns, rows, outputInverse, matrices[1], matrices[2]);
        double product = 0;
        for (long i = 0; i < (long) rows * columns; i++) {
            product += (double) Floats.get(matrices[0], i) * Floats.get(matrices[2], i);
        }
        return product;
    }

    private MemorySegment[] matrices(int layer, long elements) {
        var found = work[layer];
        if (found == null) {
            found = new MemorySegment[3];
            for (int i = 0; i < found.length; i++) {
                found[i] = arena.allocate(elements * Float.BYTES, 64);
            }
            work[layer] = found;
        }
        return found;
    }

    /** Sets the layer's gradients to U times a coefficient. */
    void write(int layer, double coefficient) {
        var described = plan.layers().get(layer);
        int columns = described.inputFactor();
        var product = matrices(layer, (long) described.outputs() * columns)[2];
        var weight = gradient(described.weight());
        for (long row = 0; row < described.outputs(); row++) {
            for (int i = 0; i < described.inputs(); i++) {
                Floats.set(
                        weight,
                        row * described.inputs() + i,
                        (float) (coefficient * Floats.get(product, row * columns + i)));
            }
        }
        if (described.bias().isPresent()) {
            var bias = gradient(described.bias().get());
            for (long row = 0; row < described.outputs(); row++) {
                Floats.set(
                        bias,
                        row,
                        (float) (coefficient * Floats.get(product, (row + 1) * columns - 1)));
            }
        }
    }

    /** Puts a layer's gradients side by side: [∇W | ∇b]. */
    private static void join(KroneckerLayer layer, MemorySegment joined) {
        var weight = gradient(layer.weight());
        long width = (long) layer.inputs() * Float.BYTES;
        long stride = (long) layer.inputFactor() * Float.BYTES;
        for (long row = 0; row < layer.outputs(); row++) {
            MemorySegment.copy(weight, row * width, joined, row * stride, width);
        }
        if (layer.bias().isPresent()) {
            var bias = gradient(layer.bias().get());
            for (long row = 0; row < layer.outputs(); row++) {
                MemorySegment.copy(
                        bias, row * Float.BYTES, joined, row * stride + width, Float.BYTES);
            }
        }
    }

    private static MemorySegment gradient(Parameter parameter) {
        return ((HostMemory) parameter.gradient().orElseThrow()).segment();
    }
}
