package org.panoptim.examples;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;

import org.panoptim.Optimizer;
import org.panoptim.parameter.FlatParameters;
import org.panoptim.rule.Rules;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;

/**
 * Trains a net without a framework twice, from the same weights on the same data: with AdamW as one
 * writes it by hand, and with Panoptim's. Prints the losses, which are the same, and the time that
 * a step takes.
 */
public final class PlainExample {

    static final int STEPS = 200;

    private static final int ROWS = 16;
    private static final int INPUTS = 64;
    private static final int HIDDEN = 1024;

    private PlainExample() {}

    /** Starts it. */
    public static void main(String[] arguments) {
        print("by hand", byHand());
        print("Panoptim", withPanoptim());
    }

    static Run withPanoptim() {
        try (var arena = Arena.ofConfined()) {
            var net = new Net(arena);
            try (var optimizer = Optimizer.of(Rules.adamW(1e-3), net.parameters.list())) {
                return train(net, optimizer::step);
            }
        }
    }

    static Run byHand() {
        try (var arena = Arena.ofConfined()) {
            var net = new Net(arena);
            var optimizer = new HandWrittenAdamW(net.parameters);
            return train(net, optimizer::step);
        }
    }

    private static Run train(Net net, Runnable step) {
        var losses = new ArrayList<Double>();
        var nanos = new ArrayList<Long>();
        for (int i = 0; i < STEPS; i++) {
            losses.add(net.backward());
            long start = System.nanoTime();
            step.run();
            nanos.add(System.nanoTime() - start);
        }
        return new Run(losses, nanos.stream().skip(STEPS / 2).sorted().toList().get(STEPS / 4));
    }

    private static void print(String what, Run run) {
        System.out.printf(
                "%-8s loss %.5f, after %d steps %.5f; %.1f us a step in the optimizer%n",
                what, run.losses().getFirst(), STEPS, run.losses().getLast(), run.nanos() / 1e3);
    }

    /** The loss before each step, and the median of what the later steps took. */
    record Run(List<Double> losses, long nanos) {}

    /** The net tanh(x W + b) v + c, and data that it is to fit, with a squared error. */
    private static final class Net {

        private final FlatParameters parameters;
        private final MemorySegment w;
        private final MemorySegment b;
        private final MemorySegment v;
        private final MemorySegment c;
        private final MemorySegment dw;
        private final MemorySegment db;
        private final MemorySegment dv;
        private final MemorySegment dc;
        private final float[][] x = new float[ROWS][INPUTS];
        private final float[] y = new float[ROWS];

        Net(Arena arena) {
            parameters =
                    FlatParameters.builder()
                            .add("hidden.weight", HIDDEN, INPUTS)
                            .add("hidden.bias", HIDDEN)
                            .add("output.weight", HIDDEN)
                            .add("output.bias")
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
            for (long i = 0; i < w.byteSize() / Float.BYTES; i++) {
                w.setAtIndex(JAVA_FLOAT, i, (float) (random.nextGaussian() / 8));
            }
            for (long i = 0; i < HIDDEN; i++) {
                v.setAtIndex(JAVA_FLOAT, i, (float) (random.nextGaussian() / 32));
            }
            for (int row = 0; row < ROWS; row++) {
                for (int i = 0; i < INPUTS; i++) {
                    x[row][i] = (float) random.nextGaussian();
                }
                y[row] = x[row][0] * x[row][1];
            }
        }

        /** The loss; its gradients are in place. */
        double backward() {
            parameters.gradients().fill((byte) 0);
            var hidden = new float[HIDDEN];
            double loss = 0;
            for (int row = 0; row < ROWS; row++) {
                float output = c.get(JAVA_FLOAT, 0);
                for (int h = 0; h < HIDDEN; h++) {
                    float sum = b.getAtIndex(JAVA_FLOAT, h);
                    for (int i = 0; i < INPUTS; i++) {
                        sum += w.getAtIndex(JAVA_FLOAT, h * INPUTS + i) * x[row][i];
                    }
                    hidden[h] = (float) Math.tanh(sum);
                    output += v.getAtIndex(JAVA_FLOAT, h) * hidden[h];
                }
                float error = output - y[row];
                loss += error * error / ROWS;
                float d = 2 * error / ROWS;
                add(dc, 0, d);
                for (int h = 0; h < HIDDEN; h++) {
                    float dSum = d * v.getAtIndex(JAVA_FLOAT, h) * (1 - hidden[h] * hidden[h]);
                    add(dv, h, d * hidden[h]);
                    add(db, h, dSum);
                    for (int i = 0; i < INPUTS; i++) {
                        add(dw, h * INPUTS + i, dSum * x[row][i]);
                    }
                }
            }
            return loss;
        }

        private static void add(MemorySegment segment, long index, float value) {
            segment.setAtIndex(JAVA_FLOAT, index, segment.getAtIndex(JAVA_FLOAT, index) + value);
        }
    }

    /** What one would write without a library, with the same defaults. */
    private static final class HandWrittenAdamW {

        private final MemorySegment values;
        private final MemorySegment gradients;
        private final float[] average;
        private final float[] average2;
        private int count;

        HandWrittenAdamW(FlatParameters parameters) {
            values = parameters.values();
            gradients = parameters.gradients();
            average = new float[(int) (values.byteSize() / Float.BYTES)];
            average2 = new float[average.length];
        }

        void step() {
            count++;
            float rate = (float) (1e-3 / (1 - Math.pow(0.9, count)));
            float root = (float) Math.sqrt(1 - Math.pow(0.999, count));
            for (int i = 0; i < average.length; i++) {
                float p = values.getAtIndex(JAVA_FLOAT, i);
                float g = gradients.getAtIndex(JAVA_FLOAT, i);
                average[i] = 0.9f * average[i] + 0.1f * g;
                average2[i] = 0.999f * average2[i] + 0.001f * g * g;
                float update = average[i] / ((float) Math.sqrt(average2[i]) / root + 1e-8f);
                values.setAtIndex(JAVA_FLOAT, i, p - 1e-5f * p - rate * update);
            }
        }
    }
}
