package org.panoptim.rule;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.data.Offset.offset;
import static org.panoptim.parameter.Tensors.gradient;
import static org.panoptim.parameter.Tensors.tensor;
import static org.panoptim.parameter.Tensors.values;

import org.panoptim.Optimizer;
import org.panoptim.backend.Backend;
import org.panoptim.parameter.Parameter;
import org.panoptim.schedule.Schedule;
import org.panoptim.tensor.Shape;

import java.util.Arrays;
import java.util.List;
import java.util.Random;

/**
 * A rule's step as its source has it: a loop in double over some tensors, which the rule must
 * follow as far as float can.
 */
abstract class SourceLoop {

    /** What the schedule multiplies learning rates by. */
    static final double FACTOR = 0.7;

    private static final int STEPS = 6;

    private final List<Shape> shapes;

    /** The values of each tensor, and their gradients of this step, which a loop may change. */
    final double[][] p;

    final double[][] g;

    /** The number of the step, from 1. */
    int t;

    /** Over two vectors. */
    SourceLoop() {
        this(List.of(Shape.of(3), Shape.of(5)));
    }

    /** Over tensors of these shapes. */
    SourceLoop(List<Shape> shapes) {
        this.shapes = shapes;
        p = new double[shapes.size()][];
        g = new double[shapes.size()][];
    }

    /** The elements of a tensor. */
    private int elements(int tensor) {
        return Math.toIntExact(shapes.get(tensor).elements());
    }

    /** Changes the values as a step does. */
    abstract void step();

    /** Zeros, one for each element. */
    final double[][] zeros() {
        return filled(0);
    }

    /** A value for each element. */
    final double[][] filled(double value) {
        var all = new double[p.length][];
        for (int i = 0; i < all.length; i++) {
            all[i] = new double[elements(i)];
            Arrays.fill(all[i], value);
        }
        return all;
    }

    /** The sum of squares. */
    static double squares(double[] values) {
        double sum = 0;
        for (double value : values) {
            sum += value * value;
        }
        return sum;
    }

    /** Checks that a rule's values stay with this loop's, step by step. */
    final void isFollowedBy(UpdateRule rule) {
        var random = new Random(3);
        var parameters = new Parameter[p.length];
        for (int i = 0; i < parameters.length; i++) {
            float[] start = floats(random, elements(i));
            parameters[i] = tensor("tensor" + i, shapes.get(i), start);
            p[i] = doubles(start);
        }
        try (var backend = Backend.named("reference");
                var optimizer =
                        Optimizer.builder(rule)
                                .group("all", List.of(parameters))
                                .schedule(Schedule.of(_ -> FACTOR))
                                .backend(backend)
                                .build()) {
            for (t = 1; t <= STEPS; t++) {
                var before = new double[p.length][];
                for (int i = 0; i < parameters.length; i++) {
                    float[] gradient = floats(random, elements(i));
                    gradient(parameters[i], gradient);
                    g[i] = doubles(gradient);
                    before[i] = p[i].clone();
                }
                step();
                optimizer.step();
                for (int i = 0; i < parameters.length; i++) {
                    float[] actual = values(parameters[i]);
                    for (int j = 0; j < actual.length; j++) {
                        // A mistake in a formula shows in the step itself, however small it is.
                        double moved = Math.abs(p[i][j] - before[i][j]);
                        assertThat((double) actual[j])
                                .as("element %d of tensor %d after step %d", j, i, t)
                                .isCloseTo(p[i][j], offset(2e-4 * moved + 1e-6));
                    }
                }
            }
        }
    }

    private static float[] floats(Random random, int count) {
        var values = new float[count];
        for (int i = 0; i < count; i++) {
            values[i] = (float) random.nextGaussian();
        }
        return values;
    }

    private static double[] doubles(float[] values) {
        var result = new double[values.length];
        for (int i = 0; i < values.length; i++) {
            result[i] = values[i];
        }
        return result;
    }
}
