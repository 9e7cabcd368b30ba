package org.panoptim.pytorch;

import static org.assertj.core.api.Assertions.assertThat;

import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.*;
import org.bytedeco.pytorch.Module;
import org.bytedeco.pytorch.global.torch;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.panoptim.rule.*;
import org.panoptim.schedule.*;
import org.panoptim.step.*;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Collections;
import java.util.List;

/**
 * The code that docs/pytorch.md shows, compiled and run. Imports are of whole packages: what it
 * uses has no namesake in the engine's.
 */
class PyTorchPageTest {

    private final Module net = new Module("net");
    private final LinearImpl layer = net.register_module("layer", new LinearImpl(4, 2));

    @Test
    void theRunTrainsAndIsSaved(@TempDir Path folder) throws IOException {
        try (var _ = new PointerScope()) {
            var batch = torch.torch_randn(8, 4);
            float before = loss(net, batch).item_float();
            var file = folder.resolve("optimizer.safetensors");
            train(Collections.nCopies(20, batch), file);
            assertThat(loss(net, batch).item_float()).isLessThan(before);
            assertThat(file).isNotEmptyFile();
        }
    }

    private void train(List<Tensor> batches, Path file) throws IOException {
        // snippet:start
        try (var optimizer =
                TorchOptimizer.of(
                        net,
                        Rules.adamW(3e-3),
                        (builder, parameters) ->
                                builder.matrixDecay(parameters.list(), 0.1)
                                        .schedule(Schedule.warmupCosine(100, 10_000))
                                        .clipGlobalNorm(1)
                                        .lossScale(LossScale.dynamic())
                                        .zeroGradients(true))) {
            for (var batch : batches) {
                optimizer.scale(loss(net, batch)).backward();
                optimizer.step();
            }
            optimizer.save(file);
        }
        // snippet:end
    }

    /** What the page says of groups. */
    @Test
    void matricesAreTrainedByMuonAndBiasesByTheRuleGiven() {
        try (var _ = new PointerScope();
                var optimizer =
                        TorchOptimizer.of(
                                net,
                                Rules.adamW(3e-4),
                                (builder, parameters) ->
                                        builder.group(
                                                "matrices",
                                                parameters.where(p -> p.shape().rank() > 1),
                                                Rules.muon(0.02)))) {
            var groups = optimizer.optimizer().groups();
            assertThat(groups).extracting(group -> group.rule().name()).contains("muon", "adamw");
            loss(net, torch.torch_randn(8, 4)).backward();
            float before = layer.bias().norm().item_float();
            optimizer.step();
            assertThat(layer.bias().norm().item_float()).isNotEqualTo(before);
        }
    }

    private Tensor loss(Module module, Tensor batch) {
        assertThat(module).isSameAs(net);
        return layer.forward(batch).square().mean();
    }
}
