package org.panoptim.examples;

import java.io.Serializable;
import java.util.Arrays;

/**
 * Images with their classes: a part of the data, or a micro-batch of one.
 *
 * @param pixels 64 an image, row by row
 * @param classes one an image, from 0 to 9
 */
record Leaf(float[] pixels, int[] classes) implements Serializable {

    static final int PIXELS = Digits.SIDE * Digits.SIDE;

    private static final int BATCH = 8;

    /** One of equal parts; what does not fill one more batch of each is left out. */
    static Leaf of(Digits digits, int part, int parts) {
        int size = digits.count() / parts / BATCH * BATCH;
        int from = part * size;
        var classes = new int[size];
        Arrays.setAll(classes, image -> (int) digits.classes()[from + image]);
        return new Leaf(
                Arrays.copyOfRange(digits.pixels(), from * PIXELS, (from + size) * PIXELS),
                classes);
    }

    int images() {
        return classes.length;
    }

    float pixel(int image, int index) {
        return pixels[image * PIXELS + index];
    }

    /** The images of a step, which come round again when all have been. */
    Leaf batch(int step) {
        int from = step * BATCH % images();
        return new Leaf(
                Arrays.copyOfRange(pixels, from * PIXELS, (from + BATCH) * PIXELS),
                Arrays.copyOfRange(classes, from, from + BATCH));
    }
}
