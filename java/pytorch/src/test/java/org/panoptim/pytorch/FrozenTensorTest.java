package org.panoptim.pytorch;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.Module;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptions;
import org.bytedeco.pytorch.global.torch;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.panoptim.Optimizer;
import org.panoptim.backend.Backend;
import org.panoptim.parameter.Parameter;
import org.panoptim.parameter.ParameterGroup;
import org.panoptim.rule.AdamW;
import org.panoptim.rule.Prodigy;
import org.panoptim.rule.SGD;
import org.panoptim.rule.UpdateRule;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.Supplier;

/** Tensors that require no gradient are left alone, whatever they are and whenever that begins. */
class FrozenTensorTest {

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

    private Optimizer optimizer(TorchParameters parameters, UpdateRule rule) {
        return Optimizer.builder(rule)
                .group("all", parameters.list())
                .zeroGradients(true)
                .backend(reference)
                .build();
    }

    private static Tensor floats(long... sizes) {
        return torch.torch_zeros(sizes);
    }

    private static Map<String, Supplier<Tensor>> unsuitable() {
        var tensors = new LinkedHashMap<String, Supplier<Tensor>>();
        tensors.put("half", () -> floats(3).to(torch.ScalarType.Half));
        tensors.put("bfloat16", () -> floats(3).to(torch.ScalarType.BFloat16));
        tensors.put("double", () -> floats(3).to(torch.ScalarType.Double));
        tensors.put("int8", () -> floats(3).to(torch.ScalarType.Char));
        tensors.put("bool", () -> floats(3).to(torch.ScalarType.Bool));
        tensors.put("complex", () -> floats(3).to(torch.ScalarType.ComplexFloat));
        tensors.put("expanded", () -> floats(1).expand(3));
        tensors.put("column", () -> floats(4, 4).select(1, 0));
        tensors.put("sparse", () -> floats(3).to_sparse());
        tensors.put("negated", () -> floats(3)._neg_view());
        tensors.put(
                "meta", () -> torch.zeros(new long[] {3}, new TensorOptions(new Device("meta"))));
        return tensors;
    }

    @Test
    void frozenTensorsThatCouldNotBeSteppedAreLeftAlone() {
        unsuitable()
                .forEach(
                        (what, make) -> {
                            var module = new Module("net");
                            module.register_parameter("base", make.get(), false);
                            var adapter = floats(3).requires_grad_();
                            module.register_parameter("adapter", adapter);
                            try (var parameters = TorchParameters.of(module);
                                    var optimizer =
                                            optimizer(parameters, SGD.withLearningRate(1))) {
                                assertThat(parameters.list())
                                        .as(what)
                                        .extracting(Parameter::name)
                                        .containsExactly("adapter");
                                adapter.sum().backward();
                                optimizer.step();
                                assertThat(SmallNet.floats(adapter)).as(what).containsOnly(-1);
                            }
                        });
    }

    @Test
    void oneThatIsThawedAndCannotBeSteppedIsNotForgotten() {
        var base = floats(3).to(torch.ScalarType.Half);
        var adapter = floats(3).requires_grad_();
        try (var parameters = TorchParameters.of(Map.of("base", base, "adapter", adapter));
                var optimizer = optimizer(parameters, SGD.withLearningRate(1))) {
            base.requires_grad_();
            adapter.sum().backward();

            assertThatExceptionOfType(IllegalStateException.class)
                    .isThrownBy(optimizer::step)
                    .withMessage(
                            "tensor 'base' requires a gradient since the parameters were made, and"
                                + " cannot be stepped: it must be float32, the only type supported"
                                + " yet, but is Half; freeze it again, or make the parameters and"
                                + " their optimizer anew");
            assertThatExceptionOfType(IllegalStateException.class).isThrownBy(parameters::refresh);
            assertThat(SmallNet.floats(adapter)).containsOnly(0);

            base.requires_grad_(false);
            optimizer.step();
            assertThat(SmallNet.floats(adapter)).containsOnly(-1);
        }
    }

    @Test
    void frozenTensorsInMemoryThatOthersUseAreLeftAlone() {
        var weight = floats(4).requires_grad_();
        var tensors = new LinkedHashMap<String, Tensor>();
        tensors.put("before", floats(2));
        tensors.put("head", weight.detach().narrow(0, 0, 2));
        tensors.put("weight", weight);
        tensors.put("tail", weight.detach().narrow(0, 3, 1));
        var buffer = floats(6);
        tensors.put("first", buffer.narrow(0, 0, 4));
        tensors.put("second", buffer.narrow(0, 2, 4));
        tensors.put("third", buffer.narrow(0, 4, 2));
        try (var parameters = TorchParameters.of(tensors);
                var optimizer = optimizer(parameters, SGD.withLearningRate(1))) {
            assertThat(parameters.list())
                    .extracting(Parameter::name)
                    .containsExactly("before", "weight", "first", "third");
            weight.sum().backward();
            optimizer.step();
            assertThat(SmallNet.floats(weight)).containsOnly(-1);
        }
    }

    @Test
    void aTensorThatIsFrozenLaterIsLeftAloneUntilItIsThawed() {
        var net = new SmallNet(1);
        try (var parameters = TorchParameters.of(net.module);
                var optimizer = optimizer(parameters, AdamW.withLearningRate(0.1))) {
            net.backward();
            optimizer.step();

            net.weight().requires_grad_(false);
            var frozen = SmallNet.floats(net.weight());
            var momentum = optimizer.state("first.weight", "exp_avg").toArray();
            for (int i = 0; i < 3; i++) {
                net.backward();
                optimizer.step();
            }
            assertThat(SmallNet.floats(net.weight())).isEqualTo(frozen);
            assertThat(optimizer.state("first.weight", "exp_avg").toArray()).isEqualTo(momentum);
            assertThat(optimizer.report().counts())
                    .containsEntry("first.weight", 1L)
                    .containsEntry("first.bias", 4L);

            net.weight().requires_grad_(true);
            net.backward();
            optimizer.step();
            assertThat(SmallNet.floats(net.weight())).isNotEqualTo(frozen);
            assertThat(optimizer.report().counts())
                    .containsEntry("first.weight", 2L)
                    .containsEntry("first.bias", 5L);
        }
    }

    @Test
    void theGradientOfAFrozenTensorIsLeftAloneToo() {
        var value = floats(2).requires_grad_();
        var other = floats(2).requires_grad_();
        try (var parameters = TorchParameters.of(Map.of("value", value, "other", other));
                var optimizer = optimizer(parameters, SGD.withLearningRate(1))) {
            value.add(other).sum().backward();
            value.requires_grad_(false);

            optimizer.step();
            assertThat(SmallNet.floats(value)).containsOnly(0);
            assertThat(SmallNet.floats(value.grad())).containsOnly(1);
            assertThat(SmallNet.floats(other)).containsOnly(-1);
            assertThat(SmallNet.floats(other.grad())).containsOnly(0);

            value.requires_grad_(true);
            optimizer.step();
            assertThat(SmallNet.floats(value)).containsOnly(-1);
        }
    }

    @Test
    void aFrozenTensorMayBeMovedAndComeBack() {
        var value = floats(2).requires_grad_();
        var other = floats(2).requires_grad_();
        try (var parameters = TorchParameters.of(Map.of("value", value, "other", other));
                var optimizer = optimizer(parameters, SGD.withLearningRate(1))) {
            var before = value.detach();
            value.requires_grad_(false);
            value.set_data(floats(2));
            other.sum().backward();
            optimizer.step();
            assertThat(SmallNet.floats(other)).containsOnly(-1);

            value.requires_grad_(true);
            assertThatExceptionOfType(IllegalStateException.class)
                    .isThrownBy(optimizer::step)
                    .withMessageContaining("'value' other memory");

            value.set_data(before);
            value.mul(new Scalar(2)).sum().backward();
            optimizer.step();
            assertThat(SmallNet.floats(value)).containsOnly(-2);
        }
    }

    @Test
    void aFrozenTensorThatWasMovedIsNotWhatAStateBeginsAs() {
        var value = floats(2).requires_grad_();
        var frozen = floats(2);
        var named = new LinkedHashMap<String, Tensor>();
        named.put("value", value);
        named.put("frozen", frozen);
        try (var parameters = TorchParameters.of(named)) {
            frozen.set_data(floats(2));
            parameters.refresh();
            var problem = "the engine has given 'frozen' other memory";
            assertThatExceptionOfType(IllegalStateException.class)
                    .isThrownBy(() -> optimizer(parameters, Prodigy.defaults()))
                    .withMessageStartingWith(problem);
            try (var optimizer =
                    Optimizer.builder(AdamW.withLearningRate(1))
                            .group("first", parameters.list().subList(0, 1))
                            .backend(reference)
                            .build()) {
                var late =
                        new ParameterGroup(
                                "late", Prodigy.defaults(), parameters.list().subList(1, 2));
                assertThatExceptionOfType(IllegalStateException.class)
                        .isThrownBy(() -> optimizer.add(late))
                        .withMessageStartingWith(problem);
                optimizer.add(new ParameterGroup("late", AdamW.defaults(), late.parameters()));
            }
        }
    }

    @Test
    void aListOfFrozenTensorsAloneHasNothingToStep() {
        try (var parameters =
                        TorchParameters.of(
                                Map.of(
                                        "half",
                                        floats(3).to(torch.ScalarType.Half),
                                        "x",
                                        floats(3)));
                var optimizer = optimizer(parameters, AdamW.defaults())) {
            optimizer.step();
            assertThat(optimizer.report().counts()).containsOnly(Map.entry("x", 0L));
        }
    }
}
