package org.panoptim.kfac;

import org.panoptim.Optimizer;
import org.panoptim.backend.Backend;
import org.panoptim.memory.HostMemory;
import org.panoptim.parameter.Parameter;
import org.panoptim.rule.SGD;
import org.panoptim.step.NonFinitePolicy;
import org.panoptim.tensor.Shape;
import org.panoptim.tensor.StateTensor;

import java.lang.foreign.Arena;
import java.lang.foreign.ValueLayout;
import java.util.List;
import java.util.function.UnaryOperator;

/**
 * The layers "first" of 3 inputs, 2 outputs and a bias, and "second" of 2 inputs and 3 outputs
 * under K-FAC; each parameter is in a group of its own name.
 */
final class KfacLayers implements AutoCloseable {

    final Arena arena = Arena.ofConfined();
    final Backend backend;
    final Parameter w1 = parameter("w1", 2, 3);
    final Parameter b1 = parameter("b1", 2);
    final Parameter w2 = parameter("w2", 3, 2);
    final Kfac kfac;
    Optimizer optimizer;

    KfacLayers(Backend backend, UnaryOperator<Kfac.Builder> change) {
        this.backend = backend;
        kfac =
                change.apply(
                                Kfac.builder(backend)
                                        .layer("first", w1, b1)
                                        .layer("second", w2)
                                        .damping(.01)
                                        .klClip(Double.POSITIVE_INFINITY))
                        .build();
        optimizer = newOptimizer();
    }

    KfacLayers(UnaryOperator<Kfac.Builder> change) {
        this(Backend.named("reference"), change);
    }

    private Optimizer newOptimizer() {
        return Optimizer.builder(SGD.withLearningRate(1))
                .group("w1", List.of(w1))
                .group("b1", List.of(b1))
                .group("w2", List.of(w2))
                .nonFinite(NonFinitePolicy.SKIP)
                .transform(kfac)
                .backend(backend)
                .build();
    }

    /** Lets another optimizer of the same parameters take the K-FAC over. */
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

    /** Hands over a gradient that only the seed determines. */
    void gradient(Parameter parameter, long seed) {
        parameter.gradient(
                Matrices.floats(arena, Matrices.random(1, (int) parameter.elements(), seed)));
    }

    void gradients(long seed) {
        for (var parameter : List.of(w1, b1, w2)) {
            gradient(parameter, seed);
        }
    }

    void accumulate(String layer, long seed) {
        accumulate(layer, seed, 1);
    }

    void accumulate(String layer, long seed, Batch batch) {
        accumulate(layer, seed, 1, batch);
    }

    void accumulate(String layer, long seed, double scale) {
        accumulate(layer, seed, scale, Batch.sum());
    }

    private void accumulate(String layer, long seed, double scale, Batch batch) {
        boolean first = layer.equals("first");
        var inputs = Matrices.random(4, first ? 3 : 2, seed);
        var gradients = Matrices.random(4, first ? 2 : 3, seed + 100);
        kfac.accumulate(
                layer,
                Matrices.floats(arena, inputs),
                Matrices.floats(arena, Matrices.scale(scale, gradients)),
                batch);
    }

    /** A step with new gradients, to which these layers contribute. */
    void step(long seed, String... contributing) {
        for (var layer : contributing) {
            accumulate(layer, seed);
        }
        gradients(200 + seed);
        optimizer.step();
    }

    float[] gradient(Parameter parameter) {
        return floats(((HostMemory) parameter.gradient().orElseThrow()));
    }

    float[] value(Parameter parameter) {
        return floats((HostMemory) parameter.value());
    }

    private static float[] floats(HostMemory memory) {
        return memory.segment().toArray(ValueLayout.JAVA_FLOAT);
    }

    /** All factors and inverses. */
    List<float[]> states() {
        return kfac.states().stream().map(StateTensor::toArray).toList();
    }

    @Override
    public void close() {
        optimizer.close();
        kfac.close();
        backend.close();
        arena.close();
    }
}
