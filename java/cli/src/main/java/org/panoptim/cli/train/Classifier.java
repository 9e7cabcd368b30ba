package org.panoptim.cli.train;

import org.bytedeco.pytorch.LinearImpl;
import org.bytedeco.pytorch.Module;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;

import java.util.List;

/** The net 64-128-64-10 with rectified linear units, for {@link Digits}. */
final class Classifier {

    private final Module module = new Module("classifier");
    private final LinearImpl first = layer("first", Digits.PIXELS, 128);
    private final LinearImpl second = layer("second", 128, 64);
    private final LinearImpl third = layer("third", 64, Digits.CLASSES);

    /** Draws the weights from the engine's random numbers. */
    Classifier() {}

    private LinearImpl layer(String name, long inputs, long outputs) {
        return module.register_module(name, new LinearImpl(inputs, outputs));
    }

    Module module() {
        return module;
    }

    List<Tensor> parameters() {
        return List.of(module.parameters().get());
    }

    /** The unnormalized logarithms of the classes' probabilities. */
    Tensor forward(Tensor images) {
        return third.forward(torch.relu(second.forward(torch.relu(first.forward(images)))));
    }

    /**
     * Examples as the engine's tensors.
     *
     * @param images a row an image
     * @param classes the class of each
     */
    record Batch(Tensor images, Tensor classes) {

        static Batch of(Digits.Examples examples) {
            return new Batch(
                    Tensor.create(examples.pixels(), examples.count(), Digits.PIXELS),
                    Tensor.create(examples.classes(), examples.count()));
        }

        /** How many examples there are. */
        long count() {
            return classes.size(0);
        }

        /** The examples from one on. */
        Batch part(long from, long count) {
            return new Batch(images.narrow(0, from, count), classes.narrow(0, from, count));
        }

        /** Some of the examples, in this order. */
        Batch select(long[] indices) {
            var index = Tensor.create(indices, indices.length);
            return new Batch(images.index_select(0, index), classes.index_select(0, index));
        }
    }
}
