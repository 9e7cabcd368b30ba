package org.panoptim.tests.small;

import org.panoptim.parameter.Parameter;
import org.panoptim.tensor.Shape;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import java.util.function.IntPredicate;
import java.util.stream.IntStream;

/**
 * The elements of {@link SmallTensors} in three vectors: of those that have a gradient in every
 * step, of those that miss one, and of those that never have one.
 */
final class LongVectors {

    /**
     * A vector.
     *
     * @param elements which of all elements are in it
     * @param sample a tensor whose elements these are
     */
    private record Vector(
            Parameter parameter,
            MemorySegment values,
            MemorySegment gradients,
            int[] elements,
            int sample) {}

    private final SmallTensors tensors;
    private final List<Vector> vectors;

    /** The elements as they are now in the tensors. */
    LongVectors(SmallTensors tensors) {
        this.tensors = tensors;
        IntPredicate ever = i -> SmallTensors.hasGradient(i, 1);
        IntPredicate always =
                ever.and(i -> SmallTensors.hasGradient(i, SmallTensors.STEP_WITH_GAPS));
        vectors =
                List.of(
                        vector("always", always),
                        vector("with a gap", ever.and(always.negate())),
                        vector("never", ever.negate()));
    }

    private Vector vector(String name, IntPredicate members) {
        var numbers = IntStream.range(0, SmallTensors.COUNT).filter(members).toArray();
        var elements =
                IntStream.of(numbers)
                        .flatMap(
                                i ->
                                        IntStream.range(
                                                SmallTensors.start(i), SmallTensors.start(i + 1)))
                        .toArray();
        var values = memory(chosen(tensors.values(), elements));
        return new Vector(
                Parameter.of(name, Shape.of(elements.length), values),
                values,
                memory(new float[elements.length]),
                elements,
                numbers[0]);
    }

    private static MemorySegment memory(float[] values) {
        return Arena.ofAuto().allocateFrom(ValueLayout.JAVA_FLOAT, values);
    }

    private static float[] chosen(float[] all, int[] elements) {
        var values = new float[elements.length];
        for (int i = 0; i < values.length; i++) {
            values[i] = all[elements[i]];
        }
        return values;
    }

    List<Parameter> all() {
        return vectors.stream().map(Vector::parameter).toList();
    }

    /** Gives them the tensors' gradients at a stage of a step. */
    void setGradients(int step, int stage) {
        for (var vector : vectors) {
            if (SmallTensors.hasGradient(vector.sample(), step)) {
                var draws = chosen(tensors.gradients(step, stage), vector.elements());
                vector.gradients().copyFrom(MemorySegment.ofArray(draws));
                vector.parameter().gradient(vector.gradients());
            } else {
                vector.parameter().clearGradient();
            }
        }
    }

    /** The values of all elements, in the tensors' order. */
    float[] values() {
        var all = new float[SmallTensors.elements()];
        for (var vector : vectors) {
            var values = vector.values().toArray(ValueLayout.JAVA_FLOAT);
            for (int i = 0; i < values.length; i++) {
                all[vector.elements()[i]] = values[i];
            }
        }
        return all;
    }
}
