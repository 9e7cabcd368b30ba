package org.panoptim.checkpoint;

import static org.panoptim.parameter.Tensors.gradient;
import static org.panoptim.parameter.Tensors.tensor;
import static org.panoptim.parameter.Tensors.values;
import static org.panoptim.parameter.Tensors.vector;

import org.panoptim.Optimizer;
import org.panoptim.backend.Backend;
import org.panoptim.memory.HostMemory;
import org.panoptim.parameter.Parameter;
import org.panoptim.rule.AdamW;
import org.panoptim.rule.SGD;
import org.panoptim.schedule.ReduceOnPlateau;
import org.panoptim.step.LossScale;
import org.panoptim.tensor.Shape;

import java.lang.foreign.MemorySegment;
import java.util.List;

/**
 * A small training with everything that a checkpoint carries: two groups with rules of their own, a
 * schedule that remembers, a dynamic loss scale, refused steps, and parameters whose counts differ.
 */
final class CheckpointModel implements AutoCloseable {

    static final AdamW MATRIX_RULE = AdamW.withLearningRate(0.1).withAmsgrad(true);
    static final SGD VECTOR_RULE = SGD.withLearningRate(0.2).withMomentum(0.9);

    final Parameter weights = tensor("weights", Shape.of(2, 3), 1, 2, 3, 4, 5, 6);
    final Parameter empty = tensor("empty", Shape.of(0, 4));
    final Parameter bias = vector("bias", 0.5f, -0.5f);
    final Parameter scale = tensor("scale", Shape.of(), 1);
    final ReduceOnPlateau schedule = new ReduceOnPlateau(0.5, 0, 1e-4, 1, 0);
    final Optimizer optimizer;
    private final Backend backend = Backend.named("reference");

    CheckpointModel() {
        optimizer =
                Optimizer.builder(MATRIX_RULE)
                        .group("matrices", List.of(weights, empty))
                        .group("vectors", List.of(bias, scale), VECTOR_RULE)
                        .schedule(schedule)
                        .lossScale(new LossScale.Dynamic(8, 2, 0.5, 2))
                        .clipGlobalNorm(2)
                        .backend(backend)
                        .build();
    }

    /** A model after so many steps. */
    static CheckpointModel trained(int steps) {
        var model = new CheckpointModel();
        for (int step = 1; step <= steps; step++) {
            model.step(step);
        }
        return model;
    }

    /** Steps by gradients that follow from the number alone; each fourth has a NaN. */
    void step(int number) {
        float unit = (float) (optimizer.lossScale() * Math.sin(number));
        gradient(weights, unit, -unit, 2 * unit, unit / 3, 0, unit * unit);
        gradient(empty);
        gradient(bias, number % 4 == 0 ? Float.NaN : unit, 1);
        if (number % 3 == 0) {
            scale.clearGradient();
        } else {
            gradient(scale, unit / 2);
        }
        optimizer.step();
        schedule.observe(number % 3);
    }

    /** Takes over the parameters' values, which are not in a checkpoint. */
    void copyParameters(CheckpointModel other) {
        copy(other.weights, weights);
        copy(other.bias, bias);
        copy(other.scale, scale);
    }

    private static void copy(Parameter from, Parameter to) {
        ((HostMemory) to.value()).segment().copyFrom(MemorySegment.ofArray(values(from)));
    }

    @Override
    public void close() {
        optimizer.close();
        backend.close();
    }
}
