package org.panoptim.pytorch;

import org.bytedeco.pytorch.Module;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.global.torch;
import org.panoptim.Optimizer;
import org.panoptim.parameter.Parameter;
import org.panoptim.rule.AdamW;

import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.function.LongUnaryOperator;

/**
 * Measures what it costs that steps follow the engine: a program to be started by hand, whose
 * figures docs/pytorch.md has.
 *
 * <pre>
 * mvn -B -q test-compile dependency:build-classpath -Dmdep.outputFile=target/test.classpath -pl java/pytorch
 * java --enable-native-access=ALL-UNNAMED --class-path \
 *     java/pytorch/target/classes:java/pytorch/target/test-classes:$(cat java/pytorch/target/test.classpath) \
 *     org.panoptim.pytorch.FollowingCost
 * </pre>
 *
 * <p>AdamW steps GPT-2 small's 148 tensors, 124 million elements, in turn through a {@link
 * TorchOptimizer} and over the same memory with parameters that nobody watches; and then tensors of
 * one element each, as many, where the difference of the two is not lost in the noise. Between two
 * steps of GPT-2 the caches are full of its elements, so a refresh is timed there, too.
 */
final class FollowingCost {

    private static final long WIDTH = 768;
    private static final int BLOCKS = 12;

    private FollowingCost() {}

    /** Starts the measurements. */
    public static void main(String[] arguments) {
        torch.set_num_threads(Runtime.getRuntime().availableProcessors());
        measure("one element each", _ -> 1, 2_000, 20_000);
        measure("GPT-2 small", size -> size, 3, 21);
    }

    private static void measure(String what, LongUnaryOperator size, int warmup, int rounds) {
        var module = gpt2(size);
        try (var followed = TorchOptimizer.of(module, AdamW.defaults());
                var plain =
                        Optimizer.builder(AdamW.defaults())
                                .group("all", copies(followed))
                                .build()) {
            var steps = new long[rounds];
            var plainSteps = new long[rounds];
            var refreshes = new long[rounds];
            for (int round = -warmup; round < rounds; round++) {
                long start = System.nanoTime();
                followed.parameters().refresh();
                long refreshed = System.nanoTime();
                plain.step();
                long between = System.nanoTime();
                followed.step();
                long end = System.nanoTime();
                if (round >= 0) {
                    refreshes[round] = refreshed - start;
                    plainSteps[round] = between - refreshed;
                    steps[round] = end - between;
                }
            }
            int tensors = followed.parameters().list().size();
            long elements =
                    followed.parameters().list().stream().mapToLong(Parameter::elements).sum();
            System.out.printf(
                    Locale.ROOT,
                    "%s: %d tensors, %d elements, backend %s%n  refresh %.3f us a tensor, %.3f %%"
                        + " of a step%n  step %.1f us, without following %.1f us, difference %.3f"
                        + " us a tensor%n",
                    what,
                    tensors,
                    elements,
                    plain.backend().name(),
                    median(refreshes) / 1e3 / tensors,
                    100.0 * median(refreshes) / median(steps),
                    median(steps) / 1e3,
                    median(plainSteps) / 1e3,
                    (median(steps) - median(plainSteps)) / 1e3 / tensors);
        }
    }

    private static long median(long[] nanos) {
        var sorted = nanos.clone();
        Arrays.sort(sorted);
        return sorted[sorted.length / 2];
    }

    /** Parameters over the same memory, which ask nobody. */
    private static List<Parameter> copies(TorchOptimizer optimizer) {
        return optimizer.parameters().list().stream()
                .map(
                        each ->
                                Parameter.of(each.name(), each.shape(), each.value())
                                        .gradient(each.gradient().orElseThrow()))
                .toList();
    }

    private static Module gpt2(LongUnaryOperator size) {
        var module = new Module("gpt2");
        add(module, "wte", size.applyAsLong(50257), size.applyAsLong(WIDTH));
        add(module, "wpe", size.applyAsLong(1024), size.applyAsLong(WIDTH));
        for (int block = 0; block < BLOCKS; block++) {
            var name = "h" + block + "_";
            add(module, name + "ln_1_weight", size.applyAsLong(WIDTH));
            add(module, name + "ln_1_bias", size.applyAsLong(WIDTH));
            linear(module, name + "c_attn", size.applyAsLong(WIDTH), size.applyAsLong(3 * WIDTH));
            linear(module, name + "c_proj", size.applyAsLong(WIDTH), size.applyAsLong(WIDTH));
            add(module, name + "ln_2_weight", size.applyAsLong(WIDTH));
            add(module, name + "ln_2_bias", size.applyAsLong(WIDTH));
            linear(module, name + "c_fc", size.applyAsLong(WIDTH), size.applyAsLong(4 * WIDTH));
            linear(
                    module,
                    name + "mlp_c_proj",
                    size.applyAsLong(4 * WIDTH),
                    size.applyAsLong(WIDTH));
        }
        add(module, "ln_f_weight", size.applyAsLong(WIDTH));
        add(module, "ln_f_bias", size.applyAsLong(WIDTH));
        return module;
    }

    private static void linear(Module module, String name, long inputs, long outputs) {
        add(module, name + "_weight", inputs, outputs);
        add(module, name + "_bias", outputs);
    }

    private static void add(Module module, String name, long... sizes) {
        module.register_parameter(name, torch.torch_randn(sizes).mul(new Scalar(0.02)));
    }
}
