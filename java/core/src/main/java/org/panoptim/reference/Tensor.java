package org.panoptim.reference;

import org.panoptim.memory.FloatView;
import org.panoptim.memory.Memory;
import org.panoptim.parameter.Output;
import org.panoptim.parameter.Parameter;
import org.panoptim.spi.Shares;
import org.panoptim.tensor.DType;

import java.lang.foreign.MemorySegment;
import java.util.Optional;
import java.util.function.Function;

/** A parameter with its states and its count of steps. */
final class Tensor {

    final Parameter parameter;
    final long elements;

    /** The elements that are stepped here: from one on to before another. */
    final long begin;

    final long end;

    /** The parameter, or what stands in for it, which has the elements that are stepped here. */
    private final FloatView value;

    private final long firstOfValue;
    final Optional<FloatView> copy;
    final Optional<FloatView> average;
    final MemorySegment[] states;
    long count;

    /**
     * A parameter that has taken no step.
     *
     * @param shares which elements are stepped here
     * @param states the memory of its states in slot order; of elements, of those alone
     * @param updates where it is replaced by its update, if it is; then it has no outputs
     */
    Tensor(
            Parameter parameter,
            Shares shares,
            MemorySegment[] states,
            Optional<Function<Parameter, Memory>> updates) {
        this.parameter = parameter;
        this.elements = parameter.elements();
        this.begin = shares.begin(parameter);
        this.end = shares.end(parameter);
        this.value =
                updates.map(lent -> FloatView.of(lent.apply(parameter), DType.F32))
                        .orElseGet(() -> FloatView.of(parameter.value(), parameter.dtype()));
        this.firstOfValue = updates.isPresent() ? begin : 0;
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

    float value(long index) {
        return value.get(index - firstOfValue);
    }

    void value(long index, float newValue) {
        value.set(index - firstOfValue, newValue);
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
            for (long i = begin; i < end; i++) {
                moveAverage(i, value(i), weight);
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
