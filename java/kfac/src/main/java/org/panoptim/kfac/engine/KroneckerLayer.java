package org.panoptim.kfac.engine;

import org.panoptim.memory.HostMemory;
import org.panoptim.parameter.Parameter;
import org.panoptim.tensor.DType;

import java.util.List;
import java.util.Objects;
import java.util.Optional;

/**
 * A linear layer.
 *
 * @param name its name, for messages and checkpoints
 * @param weight outputs × inputs, contiguous
 * @param bias as many elements as there are outputs, if the layer has one
 */
public record KroneckerLayer(String name, Parameter weight, Optional<Parameter> bias) {

    /**
     * Checks shapes and types.
     *
     * @throws IllegalArgumentException if the weight is no matrix or lies transposed in memory, the
     *     bias is no vector that fits, or either is not float32 or empty
     */
    public KroneckerLayer {
        Objects.requireNonNull(name, "name");
        var shape = weight.shape().dimensions();
        if (shape.size() != 2) {
            throw wrong(name, weight, "a matrix of outputs × inputs");
        }
        if (shape.contains(0L) || shape.stream().anyMatch(size -> size > 46_000)) {
            // Beyond, a factor would have more elements than an int can count.
            throw wrong(name, weight, "a matrix with sides from 1 to 46000");
        }
        if (!weight.order().isContiguous()) {
            throw new IllegalArgumentException(
                    "layer '%s': parameter '%s' must lie in memory as outputs × inputs, row by row, but lies transposed; in PyTorch, contiguous() makes a tensor that does"
                            .formatted(name, weight.name()));
        }
        requireFloat(name, weight);
        bias.ifPresent(
                vector -> {
                    if (!vector.shape().dimensions().equals(List.of(shape.get(0)))) {
                        throw wrong(name, vector, "a vector of " + shape.get(0) + " elements");
                    }
                    requireFloat(name, vector);
                });
    }

    private static void requireFloat(String layer, Parameter parameter) {
        if (parameter.dtype() != DType.F32) {
            throw wrong(layer, parameter, "of " + DType.F32);
        }
    }

    private static IllegalArgumentException wrong(String layer, Parameter parameter, String rule) {
        return new IllegalArgumentException(
                "layer '%s': parameter '%s' must be %s, but is %s%s"
                        .formatted(
                                layer,
                                parameter.name(),
                                rule,
                                parameter.dtype(),
                                parameter.shape()));
    }

    /** The number of outputs: the size of the factor of output gradients. */
    public int outputs() {
        return Math.toIntExact(weight.shape().dimensions().get(0));
    }

    /** The number of inputs, without the one that a bias adds. */
    public int inputs() {
        return Math.toIntExact(weight.shape().dimensions().get(1));
    }

    /** The size of the factor of inputs: their number, and one more with a bias. */
    public int inputFactor() {
        return inputs() + (bias.isPresent() ? 1 : 0);
    }

    /** The size of one of its factors: 0 the inputs', 1 the output gradients'. */
    public int factorSize(int side) {
        return side == 0 ? inputFactor() : outputs();
    }

    /**
     * Checks that the parameters lie in host memory.
     *
     * @throws IllegalArgumentException if not
     */
    void requireHost() {
        requireHost(weight);
        bias.ifPresent(this::requireHost);
    }

    private void requireHost(Parameter parameter) {
        if (!(parameter.value() instanceof HostMemory)) {
            throw new IllegalArgumentException(
                    "layer '%s': parameter '%s' lies in device memory, but the backend computes on the host"
                            .formatted(name, parameter.name()));
        }
    }
}
