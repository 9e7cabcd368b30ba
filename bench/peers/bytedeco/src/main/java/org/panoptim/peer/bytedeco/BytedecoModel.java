package org.panoptim.peer.bytedeco;

import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.AdamW;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;
import org.panoptim.bench.peer.PeerModel;

import java.util.List;

/** Tensors of libtorch that require a gradient, and its AdamW with its defaults. */
final class BytedecoModel implements PeerModel {

    private final List<Tensor> values;
    private final List<Tensor> gradients;
    private final TensorVector parameters;
    private final AdamW optimizer;

    BytedecoModel(List<long[]> shapes, int threads) {
        torch.set_num_threads(threads);
        values = shapes.stream().map(torch::zeros).toList();
        gradients = shapes.stream().map(torch::zeros).toList();
        for (int i = 0; i < values.size(); i++) {
            values.get(i).set_requires_grad(true);
            try (var reference = values.get(i).mutable_grad()) {
                reference.put(gradients.get(i));
            }
        }
        parameters = new TensorVector(values.toArray(Tensor[]::new));
        optimizer = new AdamW(parameters);
    }

    @Override
    public void write(int tensor, float[] value, float[] gradient) {
        write(values.get(tensor), value);
        write(gradients.get(tensor), gradient);
    }

    private static void write(Tensor tensor, float[] elements) {
        try (var data = tensor.data_ptr_float()) {
            data.put(elements);
        }
    }

    @Override
    public float[] values(int tensor) {
        return read(values.get(tensor));
    }

    @Override
    public float[] gradient(int tensor) {
        return read(gradients.get(tensor));
    }

    private static float[] read(Tensor tensor) {
        var elements = new float[Math.toIntExact(tensor.numel())];
        try (var data = tensor.data_ptr_float()) {
            data.get(elements);
        }
        return elements;
    }

    @Override
    public void step() {
        try (var _ = new PointerScope()) {
            optimizer.step();
        }
    }

    @Override
    public void clipStepZero() {
        try (var _ = new PointerScope()) {
            torch.clip_grad_norm_(parameters, 1);
            optimizer.step();
            // The default would drop the gradients' memory instead.
            optimizer.zero_grad(false);
        }
    }

    @Override
    public void close() {
        optimizer.close();
        parameters.close();
        values.forEach(Tensor::close);
        gradients.forEach(Tensor::close);
    }
}
