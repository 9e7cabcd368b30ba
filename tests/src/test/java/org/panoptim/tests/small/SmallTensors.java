package org.panoptim.tests.small;

import org.panoptim.memory.HostMemory;
import org.panoptim.parameter.Output;
import org.panoptim.parameter.Parameter;
import org.panoptim.tensor.DType;
import org.panoptim.tensor.Shape;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.stream.IntStream;

/**
 * Ten thousand tensors of no more than eight elements, one behind the other in memory, each of
 * random values of its own. Of every seven one never has a gradient, and of every five one has none
 * in step 2. Made anew they are the same again.
 */
final class SmallTensors {

    static final int COUNT = 10_000;

    /** The step in which some have no gradient that have one in others. */
    static final int STEP_WITH_GAPS = 2;

    private static final List<Shape> SHAPES =
            List.of(
                    Shape.of(3),
                    Shape.of(2, 3),
                    Shape.of(),
                    Shape.of(0),
                    Shape.of(4, 2),
                    Shape.of(2, 2, 2),
                    Shape.of(1),
                    Shape.of(3, 0),
                    Shape.of(5));

    /** How many elements the tensors of the shapes before each have, and at last of all. */
    private static final int[] STARTS =
            IntStream.rangeClosed(0, SHAPES.size())
                    .map(i -> SHAPES.subList(0, i).stream().mapToInt(SmallTensors::elements).sum())
                    .toArray();

    private static final int VALUES = 0;
    private static final int CURVATURES = 1;
    private static final int GRADIENTS = 2;
    private static final int MOST_STAGES = 10;

    private final MemorySegment values = floats(draws(VALUES));
    private final MemorySegment averages = floats(draws(VALUES));
    private final MemorySegment gradients = floats(new float[elements()]);
    private final MemorySegment curvatures = floats(draws(CURVATURES));
    private final boolean curved;
    private final List<Parameter> parameters = new ArrayList<>();
    private final Map<Integer, float[]> drawn = new HashMap<>();

    /**
     * The tensors at their beginning, without gradients.
     *
     * @param averaged whether they have moving averages, which begin as they do
     * @param curved whether they come to have curvature along with gradients
     */
    SmallTensors(boolean averaged, boolean curved) {
        this.curved = curved;
        for (int i = 0; i < COUNT; i++) {
            var parameter = Parameter.of(name(i), shape(i), slice(values, i));
            parameters.add(
                    averaged
                            ? parameter.averagedIn(
                                    new Output(DType.F32, new HostMemory(slice(averages, i))))
                            : parameter);
        }
    }

    private static MemorySegment floats(float[] values) {
        return Arena.ofAuto().allocateFrom(ValueLayout.JAVA_FLOAT, values);
    }

    /** In (−1, 1), but positive where they are curvatures. */
    private static float[] draws(int salt) {
        var random = new SplittableRandom(salt);
        double low = salt == CURVATURES ? 0.1 : -1;
        var draws = new float[elements()];
        for (int i = 0; i < draws.length; i++) {
            draws[i] = (float) random.nextDouble(low, 1);
        }
        return draws;
    }

    static String name(int tensor) {
        return "p" + tensor;
    }

    static Shape shape(int tensor) {
        return SHAPES.get(tensor % SHAPES.size());
    }

    /** The number of the tensor's first element among those of all. */
    static int start(int tensor) {
        return tensor / SHAPES.size() * STARTS[SHAPES.size()] + STARTS[tensor % SHAPES.size()];
    }

    static int elements() {
        return start(COUNT);
    }

    private static int elements(Shape shape) {
        return Math.toIntExact(shape.elements());
    }

    static boolean hasGradient(int tensor, int step) {
        return tensor % 7 != 3 && !(tensor % 5 == 2 && step == STEP_WITH_GAPS);
    }

    private static MemorySegment slice(MemorySegment memory, int tensor) {
        long from = (long) start(tensor) * Float.BYTES;
        return memory.asSlice(from, (long) start(tensor + 1) * Float.BYTES - from);
    }

    /** The gradients of all elements at a stage of a step, those of none included. */
    float[] gradients(int step, int stage) {
        return drawn.computeIfAbsent(GRADIENTS + step * MOST_STAGES + stage, SmallTensors::draws);
    }

    /** All tensors. */
    List<Parameter> all() {
        return part(0, COUNT);
    }

    /** Those from a number on and before another. */
    List<Parameter> part(int from, int to) {
        return parameters.subList(from, to);
    }

    /** Gives all tensors their gradients at a stage of a step, those that have one in it. */
    void setGradients(int step, int stage) {
        setGradients(0, COUNT, step, stage);
    }

    /** Gives them to those from a number on and before another. */
    void setGradients(int from, int to, int step, int stage) {
        var draws = gradients(step, stage);
        for (int i = from; i < to; i++) {
            var parameter = parameters.get(i);
            if (!hasGradient(i, step)) {
                parameter.clearGradient();
                continue;
            }
            var gradient = slice(gradients, i);
            int elements = start(i + 1) - start(i);
            MemorySegment.copy(draws, start(i), gradient, ValueLayout.JAVA_FLOAT, 0, elements);
            parameter.gradient(gradient);
            if (curved) {
                parameter.curvature(slice(curvatures, i));
            }
        }
    }

    /** The values of all elements. */
    float[] values() {
        return values.toArray(ValueLayout.JAVA_FLOAT);
    }
}
