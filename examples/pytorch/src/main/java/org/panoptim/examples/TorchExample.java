package org.panoptim.examples;

import static org.bytedeco.pytorch.global.torch.cross_entropy;
import static org.bytedeco.pytorch.global.torch.manual_seed;
import static org.bytedeco.pytorch.global.torch.relu;
import static org.bytedeco.pytorch.global.torch.set_num_threads;

import org.bytedeco.javacpp.LongPointer;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.*;
import org.bytedeco.pytorch.Module;
import org.panoptim.pytorch.TorchOptimizer;
import org.panoptim.rule.Rules;

import java.util.ArrayList;
import java.util.List;
import java.util.function.Supplier;

/**
 * Trains nets of bytedeco PyTorch on handwritten digits: each twice, from the same weights on the
 * same batches, with the engine's AdamW and with Panoptim's. Prints the losses and the time that a
 * step takes. The losses are the same but for rounding, which every step of a training magnifies,
 * whatever the optimizer: to six digits at first, and to two in the end.
 */
public final class TorchExample {

    /** While these last, rounding does not show. */
    static final int FIRST_STEPS = 28;

    private static final int EPOCHS = 20;
    private static final int BATCH = 64;

    private TorchExample() {}

    /** Starts it. */
    public static void main(String[] arguments) {
        set_num_threads(1); // so few elements that threads of the engine would wait for each other
        compare(Perceptron::new, EPOCHS).print("Perceptron");
        compare(Convolutions::new, EPOCHS).print("Convolutions");
    }

    static Comparison compare(Supplier<Net> kind, int epochs) {
        try (var _ = new PointerScope()) {
            var digits = Digits.load();
            var images =
                    Tensor.create(digits.pixels(), digits.count(), 1, Digits.SIDE, Digits.SIDE);
            var classes = Tensor.create(digits.classes(), digits.count());
            var theirNet = fresh(kind);
            var ourNet = fresh(kind);
            try (var theirs = new AdamW(theirNet.module().parameters(), new AdamWOptions(1e-3));
                    var ours = TorchOptimizer.of(ourNet.module(), Rules.adamW(1e-3))) {
                var expected = new Run(theirNet, theirs::zero_grad, theirs::step);
                var actual = new Run(ourNet, ours::zeroGrad, ours::step);
                for (int epoch = 0; epoch < epochs; epoch++) {
                    for (long first = 0; first + BATCH <= digits.count(); first += BATCH) {
                        try (var _ = new PointerScope()) {
                            var inputs = images.narrow(0, first, BATCH);
                            var targets = classes.narrow(0, first, BATCH);
                            expected.train(inputs, targets);
                            actual.train(inputs, targets);
                        }
                    }
                }
                return new Comparison(expected, actual);
            }
        }
    }

    private static Net fresh(Supplier<Net> kind) {
        manual_seed(1);
        return kind.get();
    }

    /** A net and its optimizer, with the losses of its batches and what its steps took. */
    static final class Run {

        final List<Float> losses = new ArrayList<>();
        private final List<Long> nanos = new ArrayList<>();
        private final Net net;
        private final Runnable zeroGrad;
        private final Runnable step;

        Run(Net net, Runnable zeroGrad, Runnable step) {
            this.net = net;
            this.zeroGrad = zeroGrad;
            this.step = step;
        }

        void train(Tensor images, Tensor classes) {
            long start = System.nanoTime();
            zeroGrad.run();
            long zeroed = System.nanoTime();
            var loss = cross_entropy(net.forward(images), classes);
            loss.backward();
            losses.add(loss.item_float());
            long differentiated = System.nanoTime();
            step.run();
            nanos.add(System.nanoTime() - differentiated + zeroed - start);
        }

        /** The median of the later half, in microseconds. */
        double micros() {
            int half = nanos.size() / 2;
            return nanos.stream().skip(half).sorted().toList().get(half / 2) / 1e3;
        }
    }

    /** The same net, trained with the engine's optimizer and with Panoptim's. */
    record Comparison(Run expected, Run actual) {

        void print(String net) {
            System.out.printf("%s: loss with PyTorch's AdamW, and with Panoptim's%n", net);
            for (int step : new int[] {1, FIRST_STEPS, expected.losses.size()}) {
                System.out.printf(
                        "  step %3d: %.6f, %.6f%n",
                        step, expected.losses.get(step - 1), actual.losses.get(step - 1));
            }
            System.out.printf(
                    "  us in the optimizer for a step: %.1f, %.1f; ratio %.2f%n",
                    expected.micros(), actual.micros(), expected.micros() / actual.micros());
        }
    }

    interface Net {
        Module module();

        Tensor forward(Tensor images);
    }

    /** Two hidden layers, 167,562 parameters. */
    record Perceptron(Module module, LinearImpl first, LinearImpl second, LinearImpl third)
            implements Net {

        Perceptron() {
            this(
                    new Module("perceptron"),
                    new LinearImpl(64, 512),
                    new LinearImpl(512, 256),
                    new LinearImpl(256, 10));
            module.register_module("first", first);
            module.register_module("second", second);
            module.register_module("third", third);
        }

        @Override
        public Tensor forward(Tensor images) {
            var hidden = relu(second.forward(relu(first.forward(images.flatten(1, -1)))));
            return third.forward(hidden);
        }
    }

    /** Two convolutions and two layers on top, 151,306 parameters. */
    record Convolutions(
            Module module, Conv2dImpl first, Conv2dImpl second, LinearImpl third, LinearImpl fourth)
            implements Net {

        Convolutions() {
            this(
                    new Module("convolutions"),
                    new Conv2dImpl(1, 32, new LongPointer(3, 3)),
                    new Conv2dImpl(32, 64, new LongPointer(3, 3)),
                    new LinearImpl(64 * 4 * 4, 128),
                    new LinearImpl(128, 10));
            module.register_module("first", first);
            module.register_module("second", second);
            module.register_module("third", third);
            module.register_module("fourth", fourth);
        }

        @Override
        public Tensor forward(Tensor images) {
            var features = relu(second.forward(relu(first.forward(images)))).flatten(1, -1);
            return fourth.forward(relu(third.forward(features)));
        }
    }
}
