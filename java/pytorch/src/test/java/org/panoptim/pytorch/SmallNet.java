package org.panoptim.pytorch;

import org.bytedeco.pytorch.LinearImpl;
import org.bytedeco.pytorch.Module;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;

/** A net of two layers, 5-7-3, whose numbers follow from a seed. */
final class SmallNet {

    final Module module = new Module("net");
    final LinearImpl first;
    final LinearImpl second;
    private final Tensor inputs;
    private final Tensor targets;

    SmallNet(long seed) {
        torch.manual_seed(seed);
        first = module.register_module("first", new LinearImpl(5, 7));
        second = module.register_module("second", new LinearImpl(7, 3));
        inputs = torch.torch_randn(11, 5);
        targets = torch.torch_randn(11, 3);
    }

    /** The mean squared error. */
    Tensor loss() {
        return torch.mse_loss(second.forward(torch.tanh(first.forward(inputs))), targets);
    }

    /** The backward pass of the mean squared error. */
    float backward() {
        var loss = loss();
        loss.backward();
        return loss.item_float();
    }

    Tensor weight() {
        return first.weight();
    }

    /** A copy of a tensor's elements, row by row. */
    static float[] floats(Tensor tensor) {
        var rows = tensor.detach().contiguous();
        var values = new float[(int) rows.numel()];
        rows.data_ptr_float().get(values);
        return values;
    }

    /** A copy of all parameters' elements. */
    float[][] values() {
        var all = module.parameters();
        var values = new float[(int) all.size()][];
        for (int i = 0; i < values.length; i++) {
            values[i] = floats(all.get(i));
        }
        return values;
    }
}
