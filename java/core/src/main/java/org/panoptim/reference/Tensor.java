package org.panoptim.reference;

import org.panoptim.memory.FloatView;
import org.panoptim.memory.Memory;
import org.panoptim.parameter.Output;
import org.panoptim.parameter.Parameter;
import org.panoptim.tensor.DType;

import java.lang.foreign.MemorySegment;
import java.util.Optional;
import java.util.function.Function;

/** A parameter with its states and its count of steps. */
final class Tensor {

    final Parameter parameter;
    final long elements;
    final FloatView value;
    final Optional<FloatView> copy;
    final Optional<FloatView> average;
    final MemorySegment[] states;
    long count;

    /**
     * A parameter that has taken no step.
     *
     * @param states the memory of its states in slot order
     * @param updates where it is replaced by its update, if it is; then it has no outputs
     */
    Tensor(
            Parameter parameter,
            MemorySegment[] states,
            Optional<Function<Parameter, Memory>> updates) {
        this.parameter = parameter;
        this.elements = parameter.elements();
        this.value =
                updates.map(lent -> FloatView.of(lent.apply(parameter), DType.F32))
                        .orElseGet(() -> FloatView.of(parameter.value(), parameter.dtype()));
        this.copy = parameter.copy().filter(_ -> updates.isEmpty()).map(Tensor::view);
        this.average = parameter.average().filter(_ -> updates.isEmpty()).map(Tensor::view);
        this.states = states;
    }

    /** Whether the coming step has a gradient for it. */
    boolean present() {
        return elements > 0 && parameter.hasGradient();
    }

    boolean hasCurvature() {
        return elements > 0 && parameter.hasCurvature();
    }

    FloatView gradient() {
        return FloatView.of(parameter.gradient().orElseThrow(), parameter.dtype());
    }

    FloatView curvature() {
        return FloatView.of(parameter.curvature().orElseThrow(), parameter.dtype());
    }

    /** Moves an element of the average towards a value, if there is one and it moves at all. */
    void moveAverage(long index, float towards, float weight) {
        if (weight != 0) {
            average.ifPresent(all -> all.set(index, movedAverage(all.get(index), towards, weight)));
        }
    }

    /** Moves the average, if there is one, towards the value as it is. */
    void follow(float weight) {
        if (average.isPresent()) {
            for (long i = 0; i < elements; i++) {
                moveAverage(i, value.get(i), weight);
            }
        }
    }

    /** From the nearer end, as {@code torch.lerp} has it. */
    private static float movedAverage(float average, float value, float weight) {
        float distance = value - average;
        return weight < 0.5f ? average + weight * distance : value - distance * (1 - weight);
    }

    private static FloatView view(Output output) {
        return FloatView.of(output.memory(), output.type());
    }
}
