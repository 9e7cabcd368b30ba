package org.panoptim.cli.train;

import org.bytedeco.pytorch.Tensor;

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

    /** Some of the examples, in this order. */
    Batch select(long[] places) {
        var index = Tensor.create(places, places.length);
        return new Batch(images.index_select(0, index), classes.index_select(0, index));
    }
}
