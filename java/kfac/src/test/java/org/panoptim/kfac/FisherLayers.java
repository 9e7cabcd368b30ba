package org.panoptim.kfac;

import org.panoptim.Optimizer;
import org.panoptim.backend.Backend;
import org.panoptim.parameter.Parameter;
import org.panoptim.rule.AdaFisher;
import org.panoptim.step.NonFinitePolicy;
import org.panoptim.tensor.Shape;

import java.lang.foreign.Arena;
import java.util.List;
import java.util.stream.IntStream;

/**
 * The layers "first" of 2 inputs, 2 outputs and a bias, and "second" of 2 inputs and 3 outputs
 * under AdaFisher; each parameter is in a group of its own name.
 */
final class FisherLayers implements AutoCloseable {

    /** What a row of each layer contributes: the mean squares of inputs are 1 and 4. */
    private static final double[][] INPUTS = {{1, 2}, {-1, -2}};

    final Arena arena = Arena.ofConfined();
    final Backend backend;
    final Parameter w1 = parameter("w1", 2, 2);
    final Parameter b1 = parameter("b1", 2);
    final Parameter w2 = parameter("w2", 3, 2);
    final AdaFisherCurvature curvature;
    Optimizer optimizer;

    FisherLayers(Backend backend, int period) {
        this.backend = backend;
        curvature =
                AdaFisherCurvature.builder(backend)
                        .layer("first", w1, b1)
                        .layer("second", w2)
                        .period(period)
                        .build();
        optimizer = newOptimizer();
    }

    FisherLayers(int period) {
        this(Backend.named("reference"), period);
    }

    private Optimizer newOptimizer() {
        return Optimizer.builder(AdaFisher.withLearningRate(1e-3))
                .group("w1", List.of(w1))
                .group("b1", List.of(b1))
                .group("w2", List.of(w2))
                .nonFinite(NonFinitePolicy.SKIP)
                .transform(curvature)
                .backend(backend)
                .build();
    }

    /** Lets another optimizer of the same parameters take the curvature over. */
    void changeOptimizer() {
        optimizer.close();
        optimizer = newOptimizer();
    }

    private Parameter parameter(String name, long... shape) {
        var parameter =
                Parameter.of(
                        name,
                        Shape.of(shape),
                        arena.allocate(Shape.of(shape).elements() * Float.BYTES, 64));
        gradient(parameter, 1);
        return parameter;
    }

    /** Hands over a gradient that is the same everywhere. */
    void gradient(Parameter parameter, double value) {
        var row = IntStream.range(0, (int) parameter.elements()).mapToDouble(_ -> value).toArray();
        parameter.gradient(Matrices.floats(arena, new double[][] {row}));
    }

    /** Contributes rows of which the first output's gradient is the largest. */
    void accumulate(String layer) {
        accumulate(layer, 1);
    }

    void accumulate(String layer, Batch batch) {
        accumulate(layer, 1, batch);
    }

    void accumulate(String layer, double scale) {
        accumulate(layer, scale, Batch.sum());
    }

    private void accumulate(String layer, double scale, Batch batch) {
        var gradients =
                layer.equals("first")
                        ? new double[][] {{3, 1}, {-3, 1}}
                        : new double[][] {{3, 1, 1}, {-3, 1, 1}};
        curvature.accumulate(
                layer,
                Matrices.floats(arena, INPUTS),
                Matrices.floats(arena, Matrices.scale(scale, gradients)),
                batch);
    }

    /** What the rule divides by, of a parameter. */
    float[] fisher(Parameter parameter) {
        return optimizer.state(parameter.name(), "fisher").toArray();
    }

    @Override
    public void close() {
        optimizer.close();
        curvature.close();
        backend.close();
        arena.close();
    }
}
