package org.panoptim.examples;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;

import org.panoptim.parameter.FlatParameters;
import org.panoptim.parameter.Parameter;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.SplittableRandom;

/** The net softmax(V max(0, x W + b) + c), which tells the class of an image x. */
final class Net {

    private static final int HIDDEN = 1024;
    private static final int CLASSES = 10;

    private final FlatParameters parameters;
    private final MemorySegment w;
    private final MemorySegment b;
    private final MemorySegment v;
    private final MemorySegment c;
    private final MemorySegment dw;
    private final MemorySegment db;
    private final MemorySegment dv;
    private final MemorySegment dc;
    private final float[] hidden = new float[HIDDEN];
    private final float[] outputs = new float[CLASSES];

    /** The same weights wherever it is made. */
    Net(Arena arena) {
        parameters =
                FlatParameters.builder()
                        .add("hidden.weight", Leaf.PIXELS, HIDDEN)
                        .add("hidden.bias", HIDDEN)
                        .add("output.weight", CLASSES, HIDDEN)
                        .add("output.bias", CLASSES)
                        .allocate(arena);
        w = parameters.values("hidden.weight");
        b = parameters.values("hidden.bias");
        v = parameters.values("output.weight");
        c = parameters.values("output.bias");
        dw = parameters.gradients("hidden.weight");
        db = parameters.gradients("hidden.bias");
        dv = parameters.gradients("output.weight");
        dc = parameters.gradients("output.bias");
        var random = new SplittableRandom(1);
        draw(w, random, Leaf.PIXELS);
        draw(v, random, HIDDEN);
    }

    private static void draw(MemorySegment weights, SplittableRandom random, int inputs) {
        double bound = 1 / Math.sqrt(inputs);
        for (long i = 0; i < weights.byteSize() / Float.BYTES; i++) {
            weights.setAtIndex(JAVA_FLOAT, i, (float) random.nextDouble(-bound, bound));
        }
    }

    List<Parameter> parameters() {
        return parameters.list();
    }

    /** Leaves the gradients of a batch's mean cross-entropy. */
    void backward(Leaf batch) {
        parameters.gradients().fill((byte) 0);
        var hiddenGradients = new float[HIDDEN];
        for (int image = 0; image < batch.images(); image++) {
            forward(batch, image);
            softmax();
            outputs[batch.classes()[image]] -= 1;
            Arrays.fill(hiddenGradients, 0);
            for (int k = 0; k < CLASSES; k++) {
                float d = outputs[k] / batch.images();
                dc.setAtIndex(JAVA_FLOAT, k, dc.getAtIndex(JAVA_FLOAT, k) + d);
                add(hidden, d, dv, k);
                add(v, k, d, hiddenGradients);
            }
            for (int h = 0; h < HIDDEN; h++) {
                hiddenGradients[h] = hidden[h] > 0 ? hiddenGradients[h] : 0;
            }
            add(hiddenGradients, 1, db, 0);
            for (int i = 0; i < Leaf.PIXELS; i++) {
                add(hiddenGradients, batch.pixel(image, i), dw, i);
            }
        }
    }

    /** How many images it gives their class. */
    int right(Leaf leaf) {
        int count = 0;
        for (int image = 0; image < leaf.images(); image++) {
            forward(leaf, image);
            int best = 0;
            for (int k = 1; k < CLASSES; k++) {
                best = outputs[k] > outputs[best] ? k : best;
            }
            count += best == leaf.classes()[image] ? 1 : 0;
        }
        return count;
    }

    private void forward(Leaf leaf, int image) {
        Arrays.fill(hidden, 0);
        add(b, 0, 1, hidden);
        for (int i = 0; i < Leaf.PIXELS; i++) {
            add(w, i, leaf.pixel(image, i), hidden);
        }
        for (int h = 0; h < HIDDEN; h++) {
            hidden[h] = Math.max(0, hidden[h]);
        }
        for (int k = 0; k < CLASSES; k++) {
            float sum = c.getAtIndex(JAVA_FLOAT, k);
            for (int h = 0; h < HIDDEN; h++) {
                sum += v.getAtIndex(JAVA_FLOAT, (long) k * HIDDEN + h) * hidden[h];
            }
            outputs[k] = sum;
        }
    }

    private void softmax() {
        float largest = Float.NEGATIVE_INFINITY;
        for (float output : outputs) {
            largest = Math.max(largest, output);
        }
        float sum = 0;
        for (int k = 0; k < CLASSES; k++) {
            // Math.exp may have other bits on another machine.
            outputs[k] = (float) StrictMath.exp(outputs[k] - largest);
            sum += outputs[k];
        }
        for (int k = 0; k < CLASSES; k++) {
            outputs[k] /= sum;
        }
    }

    /** Adds a row of a matrix, times a factor, to a vector. */
    private static void add(MemorySegment rows, long row, float factor, float[] vector) {
        if (factor != 0) {
            for (int h = 0; h < HIDDEN; h++) {
                vector[h] += factor * rows.getAtIndex(JAVA_FLOAT, row * HIDDEN + h);
            }
        }
    }

    /** Adds a vector, times a factor, to a row of a matrix. */
    private static void add(float[] vector, float factor, MemorySegment rows, long row) {
        if (factor != 0) {
            for (int h = 0; h < HIDDEN; h++) {
                float sum = rows.getAtIndex(JAVA_FLOAT, row * HIDDEN + h) + factor * vector[h];
                rows.setAtIndex(JAVA_FLOAT, row * HIDDEN + h, sum);
            }
        }
    }

    /** Of all weights, in hexadecimal. */
    String sha256() {
        try {
            var digest = MessageDigest.getInstance("SHA-256");
            digest.update(parameters.values().asByteBuffer());
            return HexFormat.of().formatHex(digest.digest());
        } catch (NoSuchAlgorithmException e) {
            throw new AssertionError("every JDK has SHA-256", e);
        }
    }
}
