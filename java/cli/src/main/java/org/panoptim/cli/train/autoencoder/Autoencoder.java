package org.panoptim.cli.train.autoencoder;

import org.bytedeco.pytorch.LinearImpl;
import org.bytedeco.pytorch.Module;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;

import java.util.ArrayList;
import java.util.List;

/**
 * The net 64-128-64-32-8-32-64-128-64 with hyperbolic tangents and a linear code, whose outputs are
 * the logits of the pixels.
 */
final class Autoencoder {

    private static final int[] SIZES = {64, 128, 64, 32, 8, 32, 64, 128, 64};
    private static final int CODE = 3;

    /**
     * What a forward pass leaves.
     *
     * @param inputs of each layer, a row an image
     * @param outputs of each layer, before the tangent; the last are the logits
     */
    record Pass(List<Tensor> inputs, List<Tensor> outputs) {

        Tensor logits() {
            return outputs.getLast();
        }
    }

    private final Module module = new Module("autoencoder");
    private final List<LinearImpl> layers = new ArrayList<>();

    /**
     * Draws the weights from the engine's random numbers, as Glorot and Bengio do; biases are 0.
     */
    Autoencoder() {
        for (int i = 0; i + 1 < SIZES.length; i++) {
            var layer = module.register_module(name(i), new LinearImpl(SIZES[i], SIZES[i + 1]));
            torch.xavier_uniform_(layer.weight());
            torch.zeros_(layer.bias());
            layers.add(layer);
        }
    }

    Module module() {
        return module;
    }

    int depth() {
        return layers.size();
    }

    /** A layer's name, which its parameters' names begin with. */
    static String name(int layer) {
        return "layer" + (layer + 1);
    }

    Pass forward(Tensor images) {
        var inputs = new ArrayList<Tensor>();
        var outputs = new ArrayList<Tensor>();
        var flowing = images;
        for (int i = 0; i < layers.size(); i++) {
            inputs.add(flowing);
            var output = layers.get(i).forward(flowing);
            outputs.add(output);
            flowing = i == CODE ? output : output.tanh();
        }
        return new Pass(inputs, outputs);
    }

    /** Cross-entropy of targets in [0, 1], summed over pixels and averaged over images. */
    static Tensor loss(Tensor logits, Tensor targets) {
        // The mean over everything, times the pixels.
        return torch.binary_cross_entropy_with_logits(logits, targets)
                .mul(new Scalar((double) targets.size(1)));
    }

    /** The mean over images of the sum over pixels of (sigmoid(z) − x)². */
    static double squaredError(Tensor logits, Tensor targets) {
        return logits.detach().sigmoid().sub(targets).square().sum().item_double()
                / targets.size(0);
    }
}
