package org.panoptim.peer.djl;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import ai.djl.pytorch.jni.JniUtils;

import org.panoptim.bench.peer.PeerModel;

import java.util.ArrayList;
import java.util.List;

/** Arrays of DJL, and its AdamW. */
final class DjlModel implements PeerModel {

    private final NDManager manager;
    private final List<NDArray> values = new ArrayList<>();
    private final List<NDArray> gradients = new ArrayList<>();
    private final ClosableAdamW optimizer = new ClosableAdamW();

    DjlModel(List<long[]> shapes, int threads) {
        manager = NDManager.newBaseManager("PyTorch");
        JniUtils.setNumThreads(threads);
        for (var shape : shapes) {
            values.add(manager.zeros(new Shape(shape)));
            gradients.add(manager.zeros(new Shape(shape)));
        }
    }

    @Override
    public void write(int tensor, float[] value, float[] gradient) {
        copy(value, values.get(tensor));
        copy(gradient, gradients.get(tensor));
    }

    private void copy(float[] elements, NDArray array) {
        try (var source = manager.create(elements, array.getShape())) {
            source.copyTo(array);
        }
    }

    @Override
    public float[] values(int tensor) {
        return values.get(tensor).toFloatArray();
    }

    @Override
    public float[] gradient(int tensor) {
        return gradients.get(tensor).toFloatArray();
    }

    @Override
    public void step() {
        for (int i = 0; i < values.size(); i++) {
            optimizer.update(Integer.toString(i), values.get(i), gradients.get(i));
        }
    }

    @Override
    public void clipStepZero() {
        clip();
        step();
        // As DJL's own collector of gradients zeroes them.
        for (var gradient : gradients) {
            gradient.subi(gradient);
        }
    }

    /** DJL's own option clips element by element, so this is what its user would write. */
    private void clip() {
        double squares = 0;
        for (var gradient : gradients) {
            try (var norm = gradient.norm()) {
                squares += Math.pow(norm.getFloat(), 2);
            }
        }
        double norm = Math.sqrt(squares);
        if (norm > 1) {
            for (var gradient : gradients) {
                gradient.muli(1 / norm);
            }
        }
    }

    @Override
    public void close() {
        optimizer.close();
        manager.close();
    }
}
