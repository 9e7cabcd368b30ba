package org.panoptim.bench;

import org.panoptim.tensor.Shape;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.stream.IntStream;

/** The parameters' shapes of well-known models, in the models' order. */
final class Models {

    private static final long WIDTH = 768;
    private static final int LAYERS = 12;

    private Models() {}

    /** 148 tensors, 124,439,808 elements (Radford et al., 2019; the head shares the embedding). */
    static List<Shape> gpt2Small() {
        var shapes = new ArrayList<Shape>();
        shapes.add(Shape.of(50257, WIDTH));
        shapes.add(Shape.of(1024, WIDTH));
        for (int layer = 0; layer < LAYERS; layer++) {
            norm(shapes, WIDTH);
            Collections.addAll(shapes, Shape.of(WIDTH, 3 * WIDTH), Shape.of(3 * WIDTH));
            Collections.addAll(shapes, Shape.of(WIDTH, WIDTH), Shape.of(WIDTH));
            norm(shapes, WIDTH);
            Collections.addAll(shapes, Shape.of(WIDTH, 4 * WIDTH), Shape.of(4 * WIDTH));
            Collections.addAll(shapes, Shape.of(4 * WIDTH, WIDTH), Shape.of(WIDTH));
        }
        norm(shapes, WIDTH);
        return shapes;
    }

    /** 199 tensors, 109,482,240 elements (Devlin et al., 2019; without a head). */
    static List<Shape> bertBase() {
        var shapes = new ArrayList<Shape>();
        Collections.addAll(
                shapes, Shape.of(30522, WIDTH), Shape.of(512, WIDTH), Shape.of(2, WIDTH));
        norm(shapes, WIDTH);
        for (int layer = 0; layer < LAYERS; layer++) {
            for (int product = 0; product < 4; product++) {
                Collections.addAll(shapes, Shape.of(WIDTH, WIDTH), Shape.of(WIDTH));
            }
            norm(shapes, WIDTH);
            Collections.addAll(shapes, Shape.of(4 * WIDTH, WIDTH), Shape.of(4 * WIDTH));
            Collections.addAll(shapes, Shape.of(WIDTH, 4 * WIDTH), Shape.of(WIDTH));
            norm(shapes, WIDTH);
        }
        Collections.addAll(shapes, Shape.of(WIDTH, WIDTH), Shape.of(WIDTH));
        return shapes;
    }

    /** 161 tensors, 25,557,032 elements (He et al., 2016). */
    static List<Shape> resNet50() {
        var shapes = new ArrayList<Shape>();
        convolution(shapes, 64, 3, 7);
        long channels = 64;
        int[] blocks = {3, 4, 6, 3};
        for (int stage = 0; stage < blocks.length; stage++) {
            long width = 64L << stage;
            for (int block = 0; block < blocks[stage]; block++) {
                convolution(shapes, width, channels, 1);
                convolution(shapes, width, width, 3);
                convolution(shapes, 4 * width, width, 1);
                if (block == 0) {
                    convolution(shapes, 4 * width, channels, 1);
                }
                channels = 4 * width;
            }
        }
        Collections.addAll(shapes, Shape.of(1000, channels), Shape.of(1000));
        return shapes;
    }

    /** A convolution without bias, and the normalisation behind it. */
    private static void convolution(List<Shape> shapes, long outputs, long inputs, long kernel) {
        shapes.add(Shape.of(outputs, inputs, kernel, kernel));
        norm(shapes, outputs);
    }

    private static void norm(List<Shape> shapes, long width) {
        Collections.addAll(shapes, Shape.of(width), Shape.of(width));
    }

    /** Tensors of one size. */
    static List<Shape> equal(int count, long elements) {
        return Collections.nCopies(count, Shape.of(elements));
    }

    /** 16 groups, each of 8 tensors twice as large as those before: 33.5 million elements. */
    static List<List<Shape>> groups() {
        return IntStream.range(0, 16).mapToObj(group -> equal(8, 64L << group)).toList();
    }
}
