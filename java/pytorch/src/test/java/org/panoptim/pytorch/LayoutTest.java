package org.panoptim.pytorch;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.panoptim.Optimizer;
import org.panoptim.backend.Backend;
import org.panoptim.checkpoint.CheckpointException;
import org.panoptim.rule.SGD;
import org.panoptim.tensor.Shape;

import java.io.IOException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;

/** How a tensor lies in memory goes with its parameter, into checkpoints too. */
class LayoutTest {

    @TempDir private Path folder;
    private final Backend reference = Backend.named("reference");
    private PointerScope scope;

    @BeforeEach
    void enterScope() {
        scope = new PointerScope();
    }

    @AfterEach
    void leaveScope() {
        scope.close();
        reference.close();
    }

    private static Tensor zeros(long... sizes) {
        return torch.zeros(sizes);
    }

    private static Tensor channelsLast(long... sizes) {
        return zeros(sizes)
                .contiguous(
                        sizes.length == 5
                                ? torch.MemoryFormat.ChannelsLast3d
                                : torch.MemoryFormat.ChannelsLast);
    }

    /** The same tensor with the bytes of its memory in the order of these dimensions. */
    private static Tensor laidOut(Tensor tensor, long... order) {
        var back = new long[order.length];
        for (int i = 0; i < order.length; i++) {
            back[(int) order[i]] = i;
        }
        return tensor.permute(order).contiguous().permute(back);
    }

    private static void assertLayout(Tensor value, Shape memory, Integer... order) {
        try (var parameters = TorchParameters.of(Map.of("x", value.requires_grad_()))) {
            var parameter = parameters.list().getFirst();
            assertThat(parameter.shape()).isEqualTo(memory);
            assertThat(parameter.order().dimensions()).containsExactly(order);
        }
    }

    @Test
    void theParameterKnowsTheOrderOfDimensionsInMemory() {
        assertLayout(zeros(4, 3, 5, 7), Shape.of(4, 3, 5, 7), 0, 1, 2, 3);
        assertLayout(channelsLast(4, 3, 5, 7), Shape.of(4, 5, 7, 3), 0, 2, 3, 1);
        assertLayout(channelsLast(2, 3, 4, 5, 6), Shape.of(2, 4, 5, 6, 3), 0, 2, 3, 4, 1);
        assertLayout(zeros(3, 4).t(), Shape.of(3, 4), 1, 0);
        assertLayout(laidOut(zeros(2, 3, 4), 1, 2, 0), Shape.of(3, 4, 2), 1, 2, 0);
        assertLayout(zeros(), Shape.of());
    }

    @Test
    void stridesOfDimensionsOfSizeOneSayNothing() {
        assertLayout(channelsLast(4, 3, 1, 1), Shape.of(4, 3, 1, 1), 0, 1, 2, 3);
        assertLayout(channelsLast(4, 1, 5, 7), Shape.of(4, 1, 5, 7), 0, 1, 2, 3);
        assertLayout(channelsLast(4, 3, 1, 7), Shape.of(4, 7, 1, 3), 0, 3, 2, 1);
        assertLayout(zeros(1, 4).t(), Shape.of(4, 1), 0, 1);
        assertLayout(
                zeros(12).as_strided(new long[] {3, 1, 4}, 4, 99, 1), Shape.of(3, 1, 4), 0, 1, 2);
        assertLayout(zeros(0, 4).t(), Shape.of(4, 0), 0, 1);
    }

    private Optimizer optimizer(TorchParameters parameters) {
        return Optimizer.builder(SGD.withLearningRate(1).withMomentum(0.5))
                .group("all", parameters.list())
                .zeroGradients(true)
                .backend(reference)
                .build();
    }

    /** The file of an optimizer whose momentum is 0, 1, 2 and so on, in the tensor's order. */
    private Path saved(Tensor value) throws IOException {
        var file = folder.resolve("saved.safetensors");
        try (var parameters = TorchParameters.of(Map.of("w", value.requires_grad_()));
                var optimizer = optimizer(parameters)) {
            value.mul(counted(value)).sum().backward();
            parameters.refresh();
            optimizer.step();
            optimizer.save(file);
        }
        return file;
    }

    private static Tensor counted(Tensor like) {
        return torch.arange(new Scalar(like.numel()))
                .to(torch.ScalarType.Float)
                .reshape(like.sizes());
    }

    private void assertRefused(Path file, Tensor value) {
        try (var parameters = TorchParameters.of(Map.of("w", value.requires_grad_()));
                var optimizer = optimizer(parameters)) {
            assertThatThrownBy(() -> optimizer.load(file))
                    .isInstanceOf(CheckpointException.class)
                    .hasMessageContaining("parameter 'w': its dimensions lie in memory in the");
            assertThat(optimizer.state("w", "momentum_buffer").toArray()).containsOnly(0);
        }
    }

    private void assertTaken(Path file, Tensor value) throws IOException {
        try (var parameters = TorchParameters.of(Map.of("w", value.requires_grad_()));
                var optimizer = optimizer(parameters)) {
            optimizer.load(file);
            value.sum().mul(new Scalar(0)).backward();
            parameters.refresh();
            optimizer.step();
            var expected = SmallNet.floats(zeros().sub(counted(value).mul(new Scalar(0.5))));
            assertThat(SmallNet.floats(value)).isEqualTo(expected);
        }
    }

    @Test
    void statesAreTakenUpByATensorThatLiesAlike() throws IOException {
        assertTaken(saved(channelsLast(4, 3, 3, 3)), channelsLast(4, 3, 3, 3));
        assertTaken(saved(channelsLast(2, 2, 2, 2, 2)), channelsLast(2, 2, 2, 2, 2));
        assertTaken(saved(zeros(3, 3).t()), zeros(3, 3).t());
        assertTaken(saved(channelsLast(4, 3, 1, 1)), zeros(4, 3, 1, 1));
        assertTaken(saved(zeros(1, 4).t()), zeros(4, 1));
    }

    @Test
    void statesAreRefusedForATensorThatLiesOtherwise() throws IOException {
        assertRefused(saved(channelsLast(4, 3, 3, 3)), zeros(4, 3, 3, 3));
        assertRefused(saved(zeros(4, 3, 3, 3)), channelsLast(4, 3, 3, 3));
        assertRefused(saved(channelsLast(2, 2, 2, 2, 2)), zeros(2, 2, 2, 2, 2));
        assertRefused(saved(zeros(3, 3).t()), zeros(3, 3));
        assertRefused(saved(laidOut(zeros(2, 2, 2), 1, 2, 0)), laidOut(zeros(2, 2, 2), 2, 0, 1));
        assertRefused(saved(channelsLast(4, 3, 5, 7)), zeros(4, 3, 5, 7));
    }

    @Test
    void aGroupOfStatesIsRefusedForOneTensorAmongThem() throws IOException {
        var file = folder.resolve("saved.safetensors");
        var first = zeros(2).requires_grad_();
        try (var parameters = TorchParameters.of(tensors(first, zeros(2, 2).t().requires_grad_()));
                var optimizer = optimizer(parameters)) {
            optimizer.save(file);
        }
        try (var parameters = TorchParameters.of(tensors(first, zeros(2, 2).requires_grad_()));
                var optimizer = optimizer(parameters)) {
            assertThatThrownBy(() -> optimizer.load(file))
                    .hasMessageContaining("parameter 'second': its dimensions");
        }
    }

    private static Map<String, Tensor> tensors(Tensor first, Tensor second) {
        var tensors = new LinkedHashMap<String, Tensor>();
        tensors.put("first", first);
        tensors.put("second", second);
        return tensors;
    }
}
