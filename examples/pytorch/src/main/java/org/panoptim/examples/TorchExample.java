package org.panoptim.examples;

import static org.bytedeco.pytorch.global.torch.argmax;
import static org.bytedeco.pytorch.global.torch.cross_entropy;
import static org.bytedeco.pytorch.global.torch.manual_seed;
import static org.bytedeco.pytorch.global.torch.mm;
import static org.bytedeco.pytorch.global.torch.relu;
import static org.bytedeco.pytorch.global.torch.set_num_threads;
import static org.bytedeco.pytorch.global.torch.torch_randn;

import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.*;
import org.bytedeco.pytorch.Module;
import org.panoptim.pytorch.TorchOptimizer;
import org.panoptim.rule.Rules;

import java.util.ArrayList;
import java.util.List;

/**
 * Trains a net of bytedeco PyTorch twice, from the same weights on the same data: with the engine's
 * AdamW and with Panoptim's. Prints the losses, which are the same, and the time that a step takes.
 */
public final class TorchExample {

    static final int STEPS = 200;

    private TorchExample() {}

    /** Starts it. */
    public static void main(String[] arguments) {
        set_num_threads(1); // the net is so small that several would wait for each other
        try (var _ = new PointerScope()) {
            print("PyTorch's AdamW", withPyTorch());
            print("Panoptim's AdamW", withPanoptim());
        }
    }

    static Run withPyTorch() {
        var net = new Net();
        try (var optimizer = new AdamW(net.module.parameters(), new AdamWOptions(1e-3))) {
            return train(net, optimizer::zero_grad, optimizer::step);
        }
    }

    static Run withPanoptim() {
        var net = new Net();
        try (var optimizer = TorchOptimizer.of(net.module, Rules.adamW(1e-3))) {
            return train(net, optimizer::zeroGrad, optimizer::step);
        }
    }

    private static Run train(Net net, Runnable zeroGrad, Runnable step) {
        var losses = new ArrayList<Float>();
        var nanos = new ArrayList<Long>();
        for (int i = 0; i < STEPS; i++) {
            try (var _ = new PointerScope()) {
                long start = System.nanoTime();
                zeroGrad.run();
                long zeroed = System.nanoTime();
                var loss = net.loss();
                loss.backward();
                losses.add(loss.item_float());
                long differentiated = System.nanoTime();
                step.run();
                nanos.add(System.nanoTime() - differentiated + zeroed - start);
            }
        }
        return new Run(losses, nanos.stream().skip(STEPS / 2).sorted().toList().get(STEPS / 4));
    }

    private static void print(String what, Run run) {
        System.out.printf(
                "%-17s loss %.5f, after %d steps %.5f; %.1f us a step in the optimizer%n",
                what, run.losses().getFirst(), STEPS, run.losses().getLast(), run.nanos() / 1e3);
    }

    /** The loss before each step, and the median of what the later steps took. */
    record Run(List<Float> losses, long nanos) {}

    /** A classifier, and data of ten classes that a random matrix tells apart. */
    private static final class Net {

        private final Module module = new Module("net");
        private final LinearImpl first;
        private final LinearImpl second;
        private final LinearImpl third;
        private final Tensor inputs;
        private final Tensor classes;

        Net() {
            manual_seed(1);
            first = module.register_module("first", new LinearImpl(64, 256));
            second = module.register_module("second", new LinearImpl(256, 256));
            third = module.register_module("third", new LinearImpl(256, 10));
            inputs = torch_randn(64, 64);
            classes = argmax(mm(inputs, torch_randn(64, 10)), new LongOptional(1), false);
        }

        Tensor loss() {
            var hidden = relu(second.forward(relu(first.forward(inputs))));
            return cross_entropy(third.forward(hidden), classes);
        }
    }
}
