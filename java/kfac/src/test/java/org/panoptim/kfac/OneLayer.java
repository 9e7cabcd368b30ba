package org.panoptim.kfac;

import org.panoptim.Optimizer;
import org.panoptim.backend.Backend;
import org.panoptim.parameter.Parameter;
import org.panoptim.rule.SGD;
import org.panoptim.tensor.Shape;
import org.panoptim.tensor.StateTensor;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.function.UnaryOperator;

/** A linear layer "l" of 3 inputs and 2 outputs under K-FAC on the reference backend. */
final class OneLayer implements AutoCloseable {

    static final int INPUTS = 3;
    static final int OUTPUTS = 2;

    final Arena arena = Arena.ofConfined();
    final Backend backend;
    final Parameter weight = parameter("weight", OUTPUTS, INPUTS);
    final Parameter bias = parameter("bias", OUTPUTS);
    final Parameter other = parameter("other", 4);
    final Kfac kfac;
    private final UnaryOperator<Optimizer.Builder<SGD>> configure;
    Optimizer optimizer;

    OneLayer(UnaryOperator<Kfac.Builder> change) {
        this(change, builder -> builder);
    }

    OneLayer(UnaryOperator<Kfac.Builder> change, UnaryOperator<Optimizer.Builder<SGD>> configure) {
        this(Backend.named("reference"), change, configure);
    }

    OneLayer(
            Backend backend,
            UnaryOperator<Kfac.Builder> change,
            UnaryOperator<Optimizer.Builder<SGD>> configure) {
        this.backend = backend;
        this.configure = configure;
        kfac = change.apply(Kfac.builder(backend).layer("l", weight, bias)).build();
        optimizer = newOptimizer();
    }

    private Optimizer newOptimizer() {
        return configure
                .apply(
                        Optimizer.builder(SGD.withLearningRate(1))
                                .group("all", List.of(weight, other))
                                .group("biases", List.of(bias))
                                .transform(kfac)
                                .backend(backend))
                .build();
    }

    /** Lets another optimizer of the same parameters and settings take the K-FAC over. */
    void changeOptimizer() {
        optimizer.close();
        optimizer = newOptimizer();
    }

    private Parameter parameter(String name, long... shape) {
        long elements = 1;
        for (long size : shape) {
            elements *= size;
        }
        return Parameter.of(name, Shape.of(shape), arena.allocate(elements * Float.BYTES, 64));
    }

    /** Contributes rows, of which the loss was a sum. */
    void accumulate(double[][] inputs, double[][] outputGradients) {
        accumulate(inputs, outputGradients, Batch.sum());
    }

    void accumulate(double[][] inputs, double[][] outputGradients, Batch batch) {
        kfac.accumulate(
                "l",
                Matrices.floats(arena, inputs),
                Matrices.floats(arena, outputGradients),
                batch);
    }

    /** Hands over [∇W | ∇b]. */
    void gradient(double[][] joined) {
        var ofWeight = new double[OUTPUTS][INPUTS];
        var ofBias = new double[1][OUTPUTS];
        for (int i = 0; i < OUTPUTS; i++) {
            System.arraycopy(joined[i], 0, ofWeight[i], 0, INPUTS);
            ofBias[0][i] = joined[i][INPUTS];
        }
        weight.gradient(Matrices.floats(arena, ofWeight));
        bias.gradient(Matrices.floats(arena, ofBias));
    }

    /** What the gradients are now. */
    double[][] gradient() {
        var ofWeight = Matrices.read(segment(weight), OUTPUTS, INPUTS);
        var ofBias = Matrices.read(segment(bias), 1, OUTPUTS);
        var joined = new double[OUTPUTS][INPUTS + 1];
        for (int i = 0; i < OUTPUTS; i++) {
            System.arraycopy(ofWeight[i], 0, joined[i], 0, INPUTS);
            joined[i][INPUTS] = ofBias[0][i];
        }
        return joined;
    }

    private static MemorySegment segment(Parameter parameter) {
        return ((org.panoptim.memory.HostMemory) parameter.gradient().orElseThrow()).segment();
    }

    /** A state by its slot, as a square matrix. */
    double[][] state(String slot) {
        var stored = tensor(slot);
        int n = Math.toIntExact(stored.shape().dimensions().get(0));
        return Matrices.read(MemorySegment.ofArray(stored.toArray()), n, n);
    }

    StateTensor tensor(String slot) {
        return kfac.states().stream()
                .filter(each -> each.slot().equals(slot))
                .findFirst()
                .orElseThrow();
    }

    double[][] inputFactor() {
        return state("kfac.input_factor");
    }

    double[][] outputFactor() {
        return state("kfac.output_factor");
    }

    @Override
    public void close() {
        optimizer.close();
        kfac.close();
        backend.close();
        arena.close();
    }
}
