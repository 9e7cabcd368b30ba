package org.panoptim.peer.nd4j;

import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.indexing.NDArrayIndex;
import org.nd4j.linalg.learning.AdamUpdater;
import org.nd4j.linalg.learning.config.Adam;
import org.panoptim.bench.peer.PeerModel;

import java.util.List;

/**
 * All values in one array and all gradients in another, as ND4J's networks keep them, and its Adam.
 */
final class Nd4jModel implements PeerModel {

    private final Adam rule = new Adam();
    private final long[] starts;
    private final INDArray values;
    private final INDArray gradients;
    private final INDArray updates;
    private final INDArray state;
    private final AdamUpdater updater;
    private int steps;

    Nd4jModel(List<long[]> shapes, int threads) {
        Nd4j.getEnvironment().setMaxThreads(threads);
        Nd4j.getEnvironment().setMaxMasterThreads(threads);
        starts = new long[shapes.size() + 1];
        for (int i = 0; i < shapes.size(); i++) {
            long elements = 1;
            for (long side : shapes.get(i)) {
                elements = Math.multiplyExact(elements, side);
            }
            starts[i + 1] = starts[i] + elements;
        }
        long elements = starts[shapes.size()];
        values = Nd4j.zeros(DataType.FLOAT, elements);
        gradients = Nd4j.zeros(DataType.FLOAT, elements);
        updates = Nd4j.zeros(DataType.FLOAT, elements);
        state = Nd4j.zeros(DataType.FLOAT, 1, rule.stateSize(elements));
        updater = (AdamUpdater) rule.instantiate(state, true);
    }

    @Override
    public void write(int tensor, float[] value, float[] gradient) {
        copy(value, part(values, tensor));
        copy(gradient, part(gradients, tensor));
    }

    private static void copy(float[] elements, INDArray part) {
        try (var source = Nd4j.createFromArray(elements)) {
            part.assign(source);
        }
    }

    /** A tensor's index among all. */
    private INDArray part(INDArray all, int tensor) {
        return all.get(NDArrayIndex.interval(starts[tensor], starts[tensor + 1]));
    }

    @Override
    public float[] values(int tensor) {
        return read(values, tensor);
    }

    @Override
    public float[] gradient(int tensor) {
        return read(gradients, tensor);
    }

    private float[] read(INDArray all, int tensor) {
        try (var copy = part(all, tensor).dup()) {
            return copy.data().asFloat();
        }
    }

    /** The updater itself would leave its update in the gradients; its operation need not. */
    @Override
    public void step() {
        var first = updater.getM();
        var second = updater.getV();
        Nd4j.exec(
                new org.nd4j.linalg.api.ops.impl.updaters.AdamUpdater(
                        gradients,
                        second,
                        first,
                        updates,
                        second,
                        first,
                        rule.getLearningRate(),
                        rule.getBeta1(),
                        rule.getBeta2(),
                        rule.getEpsilon(),
                        steps++));
        values.subi(updates);
    }

    @Override
    public void clipStepZero() {
        double norm = gradients.norm2Number().doubleValue();
        if (norm > 1) {
            gradients.muli(1 / norm);
        }
        updater.applyUpdater(gradients, steps++, 0);
        values.subi(gradients);
        gradients.assign(0);
    }

    @Override
    public void close() {
        for (var array : List.of(values, gradients, updates, state)) {
            array.close();
        }
    }
}
