package org.panoptim.pytorch;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.InferenceMode;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.panoptim.Optimizer;
import org.panoptim.backend.Backend;
import org.panoptim.parameter.Parameter;
import org.panoptim.rule.AdamW;
import org.panoptim.rule.SGD;
import org.panoptim.step.NonFinitePolicy;

import java.lang.management.ManagementFactory;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.UnaryOperator;

/**
 * Steps ask the engine where its tensors are, and tell it what they wrote; no refresh is needed.
 */
class StepFollowsEngineTest {

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

    private Optimizer.Builder<SGD> builder(TorchParameters parameters) {
        return Optimizer.builder(SGD.withLearningRate(1).withMomentum(0.5))
                .group("all", parameters.list())
                .backend(reference);
    }

    private static Tensor zeros(long... sizes) {
        return torch.torch_zeros(sizes).requires_grad_();
    }

    @Test
    void aGradientThatTheEngineReplacedIsUsedWithoutARefresh() {
        var value = zeros(3);
        try (var parameters = TorchParameters.of(Map.of("x", value));
                var optimizer = builder(parameters).build()) {
            for (int step = 1; step <= 4; step++) {
                value.mutable_grad().reset();
                value.mul(new Scalar(step)).sum().backward();
                optimizer.step();
                assertThat(parameters.list().getFirst().gradientAddress())
                        .isEqualTo(value.grad().data_ptr().address());
            }
            // 1, 2.5, 4.25 and 6.125 with momentum.
            assertThat(SmallNet.floats(value)).containsOnly(-13.875f);
        }
    }

    @Test
    void aGradientThatIsGoneIsNone() {
        var value = zeros(3);
        try (var parameters = TorchParameters.of(Map.of("x", value));
                var optimizer = builder(parameters).build()) {
            value.sum().backward();
            optimizer.step();
            value.mutable_grad().reset();
            optimizer.step();
            assertThat(SmallNet.floats(value)).containsOnly(-1);
            assertThat(optimizer.report().counts()).containsEntry("x", 1L);
        }
    }

    @Test
    void aGradientOfAnotherLayoutOrTypeIsRefusedByTheStep() {
        assertGradientRefused(Tensor::t, "must lie in memory as the value does");
        assertGradientRefused(Tensor::_neg_view, "is a view that negates lazily");
        assertGradientRefused(
                gradient -> gradient.view(torch.ScalarType.Int), "must be float32, the only type");
    }

    private void assertGradientRefused(UnaryOperator<Tensor> change, String problem) {
        var value = zeros(2, 2);
        try (var parameters = TorchParameters.of(Map.of("x", value));
                var optimizer = builder(parameters).build()) {
            value.sum().backward();
            value.mutable_grad().put(change.apply(value.grad()));

            assertThatExceptionOfType(IllegalStateException.class)
                    .isThrownBy(optimizer::step)
                    .withMessageContaining("the gradient of 'x' " + problem);
            assertThat(SmallNet.floats(value)).containsOnly(0);
        }
    }

    @Test
    void aMovedValueIsNotWrittenToWithOrWithoutARefresh() {
        var value = zeros(3);
        var other = zeros(3);
        try (var parameters = TorchParameters.of(Map.of("x", value, "other", other));
                var optimizer = builder(parameters).zeroGradients(true).build()) {
            value.add(other).sum().backward();
            var old = value.detach();
            value.set_data(torch.torch_ones(3));

            for (var call : List.<Runnable>of(optimizer::step, optimizer::zeroGrad)) {
                assertMoved(call);
            }
            assertMoved(parameters::refresh);
            assertMoved(optimizer::step);
            assertThat(SmallNet.floats(old)).containsOnly(0);
            assertThat(SmallNet.floats(value)).containsOnly(1);
            assertThat(SmallNet.floats(other)).containsOnly(0);
            assertThat(SmallNet.floats(other.grad())).containsOnly(1);

            value.set_data(old);
            optimizer.step();
            assertThat(SmallNet.floats(value)).containsOnly(-1);
        }
    }

    private static void assertMoved(Runnable call) {
        assertThatExceptionOfType(IllegalStateException.class)
                .isThrownBy(call::run)
                .withMessage(
                        "the engine has given 'x' other memory (as Module.to does) since the"
                                + " parameters were made; they and their optimizer must be made"
                                + " anew");
    }

    @Test
    void aValueThatWasChangedWhereItLiesIsRefusedByTheStep() {
        assertChangeRefused(Tensor::t, "laid out 'x' otherwise");
        assertChangeRefused(Tensor::_neg_view, "changed 'x', which is a view that negates");
        assertChangeRefused(
                value -> value.to(torch.ScalarType.Half), "changed 'x', which must be float32");
    }

    private void assertChangeRefused(UnaryOperator<Tensor> change, String problem) {
        var value = zeros(2, 2);
        try (var parameters = TorchParameters.of(Map.of("x", value));
                var optimizer = builder(parameters).build()) {
            value.sum().backward();
            value.set_data(change.apply(value.detach()));

            assertThatExceptionOfType(IllegalStateException.class)
                    .isThrownBy(optimizer::step)
                    .withMessageContaining(problem);
        }
    }

    @Test
    void anOptimizerOfSomeParametersDoesNotMindTheOthers() {
        var value = zeros(3);
        var other = zeros(3);
        try (var parameters = TorchParameters.of(Map.of("x", value, "other", other));
                var optimizer =
                        Optimizer.builder(SGD.withLearningRate(1))
                                .group(
                                        "all",
                                        parameters.list().stream()
                                                .filter(each -> each.name().equals("x"))
                                                .toList())
                                .backend(reference)
                                .build()) {
            value.sum().backward();
            other.set_data(torch.torch_ones(3));

            optimizer.step();
            assertThat(SmallNet.floats(value)).containsOnly(-1);
            assertThatExceptionOfType(IllegalStateException.class)
                    .isThrownBy(parameters::refresh)
                    .withMessageContaining("'other' other memory");
        }
    }

    @Test
    void aStepMakesGraphsOfTheOldValuesStale() {
        var value = torch.torch_full(new long[] {1}, new Scalar(3f)).requires_grad_();
        try (var parameters = TorchParameters.of(Map.of("x", value));
                var optimizer =
                        Optimizer.builder(SGD.withLearningRate(1))
                                .group("all", parameters.list())
                                .backend(reference)
                                .build()) {
            var first = value.mul(value);
            var second = value.mul(value);
            first.backward();
            optimizer.step();
            assertThat(SmallNet.floats(value)).containsExactly(-3);

            assertThatExceptionOfType(RuntimeException.class)
                    .isThrownBy(second::backward)
                    .withMessageContaining("modified by an inplace operation");
            value.mul(value).backward();
        }
    }

    @Test
    void versionsOfUpdatedValuesAndZeroedGradientsRise() {
        var value = zeros(3);
        var idle = zeros(3);
        var frozen = torch.torch_zeros(3);
        try (var parameters =
                        TorchParameters.of(Map.of("x", value, "idle", idle, "frozen", frozen));
                var optimizer = builder(parameters).zeroGradients(true).build()) {
            idle.mutable_grad().reset();
            value.mutable_grad().put(torch.torch_ones(3));
            long values = value._version();
            long gradients = value.grad()._version();

            optimizer.step();
            assertThat(value._version()).isEqualTo(values + 1);
            assertThat(value.grad()._version()).isEqualTo(gradients + 1);
            assertThat(idle._version()).isZero();
            assertThat(frozen._version()).isZero();

            // Another tensor is the gradient now.
            var replacement = torch.torch_ones(3);
            value.mutable_grad().put(replacement);
            optimizer.zeroGrad();
            assertThat(value._version()).isEqualTo(values + 1);
            assertThat(replacement._version()).isEqualTo(1);
        }
    }

    @Test
    void versionsStandStillWhereNothingIsWritten() {
        var value = zeros(1);
        try (var parameters = TorchParameters.of(Map.of("x", value));
                var optimizer = builder(parameters).nonFinite(NonFinitePolicy.SKIP).build()) {
            value.mul(new Scalar(Double.NaN)).sum().backward();
            long values = value._version();
            long gradients = value.grad()._version();

            optimizer.step();
            assertThat(optimizer.report().accepted()).isFalse();
            assertThat(value._version()).isEqualTo(values);
            assertThat(value.grad()._version()).isEqualTo(gradients);

            value.grad().zero_();
            value.sum().backward();
            gradients = value.grad()._version();
            optimizer.step();
            assertThat(value._version()).isEqualTo(values + 1);
            assertThat(value.grad()._version()).isEqualTo(gradients);
        }
    }

    @Test
    void gradientsMadeInInferenceModeHaveNoVersions() {
        var value = zeros(2);
        try (var parameters = TorchParameters.of(Map.of("x", value));
                var optimizer = builder(parameters).zeroGradients(true).build()) {
            Tensor gradient;
            try (var _ = new InferenceMode(true)) {
                gradient = torch.torch_ones(2);
            }
            assertThat(gradient.is_inference()).isTrue();
            value.mutable_grad().put(gradient);

            optimizer.step();
            assertThat(SmallNet.floats(value)).containsOnly(-1);
        }
    }

    @Test
    void askingAllocatesNothing() {
        var net = new SmallNet(1);
        try (var parameters = TorchParameters.of(net.module);
                var optimizer =
                        Optimizer.builder(AdamW.defaults())
                                .group("all", parameters.list())
                                .zeroGradients(true)
                                .backend(reference)
                                .build()) {
            net.backward();
            optimizer.step();
            var threads = (com.sun.management.ThreadMXBean) ManagementFactory.getThreadMXBean();
            int calls = 20_000;
            for (int round = 0; round < 3; round++) {
                for (int i = 0; i < calls; i++) {
                    parameters.refresh();
                }
            }
            long before = threads.getCurrentThreadAllocatedBytes();
            for (int i = 0; i < calls; i++) {
                parameters.refresh();
            }
            long bytes = threads.getCurrentThreadAllocatedBytes() - before;
            // What the JVM itself allocates meanwhile is less than a byte for each call.
            assertThat(bytes).isLessThan(calls);
        }
    }

    @Test
    void optimizersOfOneModuleStepInThreadsOfTheirOwn() {
        var tensors = new LinkedHashMap<String, Tensor>();
        for (int i = 0; i < 16; i++) {
            tensors.put("x" + i, zeros(1 + i));
        }
        try (var parameters = TorchParameters.of(tensors)) {
            var halves = List.of(parameters.list().subList(0, 8), parameters.list().subList(8, 16));
            assertThat(halves.parallelStream().mapToLong(this::steps).sum()).isEqualTo(40_000);
        }
    }

    /** Takes steps with those parameters alone, in a separate thread. */
    private long steps(List<Parameter> parameters) {
        try (var optimizer =
                Optimizer.builder(SGD.defaults())
                        .group("all", parameters)
                        .backend(reference)
                        .build()) {
            for (int i = 0; i < 20_000; i++) {
                optimizer.step();
            }
            return optimizer.report().step();
        }
    }

    @Test
    void memoryOfAClosedAdapterIsNotWrittenTo() {
        var value = zeros(2);
        var parameters = TorchParameters.of(Map.of("x", value));
        try (var optimizer = builder(parameters).build()) {
            value.sum().backward();
            parameters.close();
            assertThatExceptionOfType(IllegalStateException.class)
                    .isThrownBy(optimizer::step)
                    .withMessage("these parameters are closed");
        }
        assertThat(SmallNet.floats(value)).containsOnly(0);
    }
}
