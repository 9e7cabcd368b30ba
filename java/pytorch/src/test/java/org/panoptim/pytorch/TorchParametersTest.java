package org.panoptim.pytorch;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.within;

import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.AdamWOptions;
import org.bytedeco.pytorch.EmbeddingImpl;
import org.bytedeco.pytorch.EmbeddingOptions;
import org.bytedeco.pytorch.Module;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.panoptim.Optimizer;
import org.panoptim.backend.Backend;
import org.panoptim.memory.HostMemory;
import org.panoptim.parameter.Parameter;
import org.panoptim.rule.AdamW;
import org.panoptim.rule.SGD;
import org.panoptim.rule.SophiaG;
import org.panoptim.rule.UpdateRule;
import org.panoptim.tensor.Shape;

import java.lang.foreign.ValueLayout;
import java.util.Map;
import java.util.function.UnaryOperator;

class TorchParametersTest {

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

    @Test
    void parametersHaveTheEnginesNamesAndShapes() {
        try (var parameters = TorchParameters.of(new SmallNet(1).module)) {
            assertThat(parameters.list())
                    .extracting(Parameter::name)
                    .containsExactly("first.weight", "first.bias", "second.weight", "second.bias");
            assertThat(parameters.list())
                    .extracting(Parameter::shape)
                    .containsExactly(Shape.of(7, 5), Shape.of(7), Shape.of(3, 7), Shape.of(3));
        }
    }

    @Test
    void valuesAreTheEnginesOwnMemory() {
        var net = new SmallNet(1);
        try (var parameters = TorchParameters.of(net.module)) {
            var value = ((HostMemory) parameters.list().getFirst().value()).segment();

            value.setAtIndex(ValueLayout.JAVA_FLOAT, 3, 42);

            assertThat(SmallNet.floats(net.weight())[3]).isEqualTo(42);
        }
    }

    @Test
    void adamWTakesTheEnginesAdamWsSteps() {
        var theirs = new SmallNet(7);
        var ours = new SmallNet(7);
        var options = new AdamWOptions(1e-2);
        options.weight_decay().put(0.1);
        var engine = new org.bytedeco.pytorch.AdamW(theirs.module.parameters(), options);
        var rule = AdamW.withLearningRate(1e-2).withWeightDecay(0.1);
        try (var parameters = TorchParameters.of(ours.module);
                var optimizer = optimizer(parameters, rule)) {
            float firstLoss = 0;
            float lastLoss = 0;
            for (int step = 1; step <= 20; step++) {
                engine.zero_grad();
                theirs.backward();
                engine.step();

                lastLoss = ours.backward();
                firstLoss = step == 1 ? lastLoss : firstLoss;
                parameters.refresh();
                optimizer.step();
            }
            assertThat(lastLoss).isLessThan(firstLoss * 0.9f);
            var expected = theirs.values();
            var actual = ours.values();
            for (int i = 0; i < expected.length; i++) {
                assertThat(actual[i]).containsExactly(expected[i], within(2e-6f));
            }
        }
    }

    @Test
    void gradientsAreViewsOfOneAlignedBuffer() {
        var net = new SmallNet(1);
        try (var parameters = TorchParameters.of(net.module)) {
            long previousEnd = parameters.list().getFirst().gradientAddress();
            for (var parameter : parameters.list()) {
                assertThat(parameter.gradientAddress() % 64).isZero();
                assertThat(parameter.gradientAddress()).isBetween(previousEnd, previousEnd + 63);
                previousEnd = parameter.gradientAddress() + parameter.elements() * Float.BYTES;
            }
            long before = parameters.list().getFirst().gradientAddress();

            net.backward();
            parameters.refresh();

            assertThat(parameters.list().getFirst().gradientAddress()).isEqualTo(before);
            assertThat(SmallNet.floats(net.weight().grad())).doesNotContain(0);
        }
    }

    @Test
    void theStepsZeroingWritesThroughToTheEngine() {
        var net = new SmallNet(1);
        try (var parameters = TorchParameters.of(net.module);
                var optimizer = optimizer(parameters, SGD.defaults())) {
            net.backward();
            parameters.refresh();

            optimizer.step();

            assertThat(SmallNet.floats(net.weight().grad())).containsOnly(0);
        }
    }

    @Test
    void aGradientAlreadyThereIsKept() {
        var net = new SmallNet(1);
        net.backward();
        var before = SmallNet.floats(net.weight().grad());
        assertThat(before).doesNotContain(0);
        try (var parameters = TorchParameters.of(net.module)) {
            assertThat(SmallNet.floats(net.weight().grad())).isEqualTo(before);
            assertThat(parameters.list().getFirst().gradientAddress())
                    .isEqualTo(net.weight().grad().data_ptr().address());
        }
    }

    @Test
    void aReplacedGradientIsFollowed() {
        var net = new SmallNet(1);
        try (var parameters = TorchParameters.of(net.module);
                var optimizer = optimizer(parameters, SGD.withLearningRate(1))) {
            var before = SmallNet.floats(net.weight());
            var replacement = torch.torch_full(new long[] {7, 5}, new Scalar(2f));
            net.weight().mutable_grad().put(replacement);

            parameters.refresh();
            optimizer.step();

            var after = SmallNet.floats(net.weight());
            for (int i = 0; i < before.length; i++) {
                assertThat(after[i]).isEqualTo(before[i] - 2);
            }
            assertThat(SmallNet.floats(replacement)).containsOnly(0);
        }
    }

    @Test
    void aParameterWithoutAGradientIsLeftAloneWithItsCount() {
        var net = new SmallNet(1);
        try (var parameters = TorchParameters.of(net.module);
                var optimizer = optimizer(parameters, AdamW.defaults())) {
            step(net, parameters, optimizer);
            var before = SmallNet.floats(net.weight());
            net.module.zero_grad(true);
            net.backward();
            net.weight().mutable_grad().reset();

            parameters.refresh();
            optimizer.step();

            assertThat(SmallNet.floats(net.weight())).isEqualTo(before);
            assertThat(optimizer.report().counts())
                    .containsExactlyInAnyOrderEntriesOf(
                            Map.of(
                                    "first.weight", 1L,
                                    "first.bias", 2L,
                                    "second.weight", 2L,
                                    "second.bias", 2L));
        }
    }

    @Test
    void aTransposedGradientIsRefusedAndNothingIsChanged() {
        var net = new SmallNet(1);
        try (var parameters = TorchParameters.of(net.module)) {
            long bias = parameters.list().get(1).gradientAddress();
            net.first.bias().mutable_grad().put(torch.torch_zeros(7));
            net.second.weight().mutable_grad().put(torch.torch_randn(7, 3).t());

            assertThatExceptionOfType(IllegalStateException.class)
                    .isThrownBy(parameters::refresh)
                    .withMessageContaining("second.weight")
                    .withMessageContaining("strides [1, 3]")
                    .withMessageContaining("strides [7, 1]");
            assertThat(parameters.list().get(1).gradientAddress()).isEqualTo(bias);
        }
    }

    @Test
    void aGradientTransposedInItsOldPlaceIsRefused() {
        var value = torch.torch_randn(4, 4).requires_grad_();
        try (var parameters = TorchParameters.of(Map.of("square", value))) {
            value.mutable_grad().put(value.grad().t());

            assertThatExceptionOfType(IllegalStateException.class)
                    .isThrownBy(parameters::refresh)
                    .withMessageContaining("square");
        }
    }

    @Test
    void aTransposedValueIsSteppedElementByElement() {
        var value = torch.torch_randn(3, 4).t().requires_grad_();
        var before = SmallNet.floats(value);
        try (var parameters = TorchParameters.of(Map.of("transposed", value));
                var optimizer = optimizer(parameters, SGD.withLearningRate(1))) {
            assertThat(parameters.list().getFirst().shape()).isEqualTo(Shape.of(3, 4));
            var weights = torch.torch_randn(4, 3);
            value.mul(weights).sum().backward();

            parameters.refresh();
            optimizer.step();

            var after = SmallNet.floats(value);
            var gradient = SmallNet.floats(weights);
            for (int i = 0; i < before.length; i++) {
                assertThat(after[i]).isEqualTo(before[i] - gradient[i]);
            }
        }
    }

    @Test
    void aSparseGradientIsRefused() {
        var options = new EmbeddingOptions(10, 4);
        options.sparse().put(true);
        var embedding = new EmbeddingImpl(options);
        var module = new Module("net");
        module.register_module("embedding", embedding);
        try (var parameters = TorchParameters.of(module)) {
            module.zero_grad(true);
            embedding.forward(torch.torch_zeros(3).toType(torch.ScalarType.Long)).sum().backward();

            assertThatExceptionOfType(IllegalStateException.class)
                    .isThrownBy(parameters::refresh)
                    .withMessage(
                            "the gradient of 'embedding.weight' is not dense: its layout is"
                                    + " Sparse");
        }
    }

    @Test
    void aSparseGradientIsAddedToTheBuffer() {
        var options = new EmbeddingOptions(10, 4);
        options.sparse().put(true);
        var embedding = new EmbeddingImpl(options);
        var module = new Module("net");
        module.register_module("embedding", embedding);
        try (var parameters = TorchParameters.of(module)) {
            embedding.forward(torch.torch_zeros(3).toType(torch.ScalarType.Long)).sum().backward();
            parameters.refresh();

            var gradient =
                    ((HostMemory) parameters.list().getFirst().gradient().orElseThrow()).segment();
            assertThat(gradient.getAtIndex(ValueLayout.JAVA_FLOAT, 3)).isEqualTo(3);
            assertThat(gradient.getAtIndex(ValueLayout.JAVA_FLOAT, 4)).isZero();
        }
    }

    @Test
    void valuesThatCannotBeSteppedAreRefusedWithTheReason() {
        assertRefused(
                torch.torch_zeros(3).toType(torch.ScalarType.Double),
                "tensor 'x' must be float32, the only type supported yet, but is Double");
        assertRefused(
                torch.torch_zeros(3).toType(torch.ScalarType.ComplexFloat),
                "tensor 'x' must be float32, the only type supported yet, but is ComplexFloat");
        assertRefused(
                torch.torch_zeros(3).to_sparse(), "tensor 'x' is not dense: its layout is Sparse");
        assertRefused(
                torch.torch_zeros(4, 4).select(1, 0),
                "tensor 'x' has gaps or overlaps in memory: sizes [4], strides [4]");
        assertRefused(
                torch.torch_zeros(1).expand(5),
                "tensor 'x' has gaps or overlaps in memory: sizes [5], strides [0]");
        assertRefused(torch.torch_zeros(3)._neg_view(), "tensor 'x' is a view that negates lazily");
        assertRefused(
                torch.torch_zeros(3).requires_grad_().mul(new Scalar(2f)),
                "tensor 'x' is computed from other tensors, so the engine keeps no gradient of it");
        assertThatExceptionOfType(IllegalArgumentException.class)
                .isThrownBy(() -> TorchParameters.of(Map.of("x", new Tensor())).close())
                .withMessage("tensor 'x' is undefined");
    }

    private static void assertRefused(Tensor tensor, String message) {
        assertThatExceptionOfType(IllegalArgumentException.class)
                .isThrownBy(() -> TorchParameters.of(Map.of("x", tensor.requires_grad_())).close())
                .withMessage(message);
    }

    @Test
    void aTensorOnAnotherDeviceIsRefused() {
        var options =
                new org.bytedeco.pytorch.TensorOptions(new org.bytedeco.pytorch.Device("meta"));

        assertRefused(
                torch.zeros(new long[] {3}, options),
                "tensor 'x' is neither on the CPU nor on a CUDA device, but on meta");
    }

    @Test
    void aMovedValueIsFound() {
        var net = new SmallNet(1);
        try (var parameters = TorchParameters.of(net.module)) {
            net.weight().set_data(torch.torch_zeros(7, 5));

            assertThatExceptionOfType(IllegalStateException.class)
                    .isThrownBy(parameters::refresh)
                    .withMessageContaining("first.weight")
                    .withMessageContaining("other memory");
        }
    }

    @Test
    void aPermutedViewOfTheSameMemoryIsFound() {
        assertRelaidFound(torch.torch_randn(4, 4), Tensor::t, "strides [1, 4]");
        assertRelaidFound(
                torch.torch_randn(2, 3, 2), value -> value.transpose(0, 2), "strides [1, 2, 6]");
        assertRelaidFound(
                torch.torch_randn(2, 2, 2, 2).contiguous(torch.MemoryFormat.ChannelsLast),
                value -> value.permute(0, 2, 3, 1),
                "strides [8, 4, 2, 1]");
        assertRelaidFound(torch.torch_randn(2, 6), value -> value.view(3, 4), "sizes [3, 4]");
        assertRelaidFound(torch.torch_randn(4, 3), value -> value.narrow(0, 0, 2), "sizes [2, 3]");
    }

    private static void assertRelaidFound(
            Tensor value, UnaryOperator<Tensor> relay, String layout) {
        value.requires_grad_();
        try (var parameters = TorchParameters.of(Map.of("x", value))) {
            var before = value.detach();
            value.set_data(relay.apply(before));
            assertThat(value.data_ptr().address()).isEqualTo(before.data_ptr().address());

            assertThatExceptionOfType(IllegalStateException.class)
                    .isThrownBy(parameters::refresh)
                    .withMessageContaining("laid out 'x' otherwise")
                    .withMessageContaining(layout);

            value.set_data(before);
            parameters.refresh();
        }
    }

    @Test
    void otherStridesOfDimensionsOfSizeOneAreNoOtherLayout() {
        var value = torch.torch_randn(3, 1, 4).requires_grad_();
        try (var parameters = TorchParameters.of(Map.of("x", value))) {
            value.set_data(value.detach().as_strided(new long[] {3, 1, 4}, 4, 77, 1));
            parameters.refresh();
        }
    }

    @Test
    void aGradientThatIsTheValueItselfIsRefused() {
        var value = torch.torch_zeros(3).requires_grad_();
        try (var parameters = TorchParameters.of(Map.of("x", value))) {
            value.mutable_grad().put(value.detach());

            assertThatExceptionOfType(IllegalStateException.class)
                    .isThrownBy(parameters::refresh)
                    .withMessage("the gradient of 'x' overlaps its value");
        }
    }

    @Test
    void tiedWeightsCountOnce() {
        var shared = torch.torch_randn(3, 3).requires_grad_();
        var module = new Module("net");
        module.register_parameter("encoder", shared);
        module.register_parameter("decoder", shared);
        try (var parameters = TorchParameters.of(module)) {
            assertThat(parameters.list()).extracting(Parameter::name).containsExactly("encoder");
        }
    }

    @Test
    void aTensorThatRequiresNoGradientIsLeftAloneUntilItHasOne() {
        var fixed = torch.torch_ones(2);
        try (var parameters = TorchParameters.of(Map.of("fixed", fixed));
                var optimizer = optimizer(parameters, AdamW.defaults())) {
            optimizer.step();
            assertThat(SmallNet.floats(fixed)).containsExactly(1, 1);
            assertThat(fixed.grad().defined()).isFalse();

            fixed.requires_grad_().sum().backward();
            parameters.refresh();
            optimizer.step();

            assertThat(SmallNet.floats(fixed)).doesNotContain(1);
        }
    }

    @Test
    void emptyTensorsAndScalarsAreStepped() {
        var empty = torch.torch_zeros(0, 4).requires_grad_();
        var scalar = torch.torch_ones(new long[0]).requires_grad_();
        try (var parameters = TorchParameters.of(Map.of("empty", empty, "scalar", scalar));
                var optimizer = optimizer(parameters, SGD.withLearningRate(0.5))) {
            scalar.add(empty.sum()).backward();
            parameters.refresh();
            optimizer.step();

            assertThat(SmallNet.floats(scalar)).containsExactly(0.5f);
        }
    }

    @Test
    void tensorsOutliveTheScopeAndTheModuleTheyCameFrom() {
        TorchParameters parameters;
        try (var _ = new PointerScope()) {
            parameters = TorchParameters.of(new SmallNet(3).module);
        }
        try (var _ = new PointerScope()) {
            for (int i = 0; i < 50; i++) {
                torch.torch_zeros(7, 5).fill_(new Scalar(9f));
            }
            parameters.refresh();
            var value = ((HostMemory) parameters.list().getFirst().value()).segment();
            assertThat(value.toArray(ValueLayout.JAVA_FLOAT))
                    .isEqualTo(SmallNet.floats(new SmallNet(3).weight()));
        }
        parameters.close();
    }

    @Test
    void aStepAfterClosingIsRefused() {
        var net = new SmallNet(1);
        var parameters = TorchParameters.of(net.module);
        try (var optimizer = optimizer(parameters, SGD.defaults())) {
            parameters.close();
            parameters.close();

            assertThatExceptionOfType(IllegalStateException.class).isThrownBy(optimizer::step);
            assertThatExceptionOfType(IllegalStateException.class)
                    .isThrownBy(parameters::refresh)
                    .withMessage("these parameters are closed");
        }
        net.backward();
        assertThat(SmallNet.floats(net.weight().grad())).doesNotContain(0);
    }

    @Test
    void gradientsOnSampledLabelsBecomeTheCurvatureOfOneStep() {
        var value = torch.torch_zeros(2).requires_grad_();
        var rule = SophiaG.withLearningRate(0.1).withBetas(0.5, 0.5);
        try (var parameters = TorchParameters.of(Map.of("x", value));
                var optimizer = optimizer(parameters, rule)) {
            value.mul(new Scalar(3f)).sum().backward();

            parameters.takeGradientsAsCurvature();

            assertThat(SmallNet.floats(value.grad())).containsOnly(0);
            value.sum().backward();
            parameters.refresh();
            optimizer.step();
            assertThat(optimizer.state("x", "hessian").toArray()).containsExactly(4.5f, 4.5f);
            assertThat(optimizer.state("x", "exp_avg").toArray()).containsExactly(0.5f, 0.5f);

            value.sum().backward();
            parameters.refresh();
            optimizer.step();
            assertThat(optimizer.state("x", "hessian").toArray()).containsExactly(4.5f, 4.5f);
        }
    }

    private static void step(SmallNet net, TorchParameters parameters, Optimizer optimizer) {
        net.backward();
        parameters.refresh();
        optimizer.step();
    }

    private Optimizer optimizer(TorchParameters parameters, UpdateRule rule) {
        return Optimizer.builder(rule)
                .group("all", parameters.list())
                .zeroGradients(true)
                .backend(reference)
                .build();
    }
}
