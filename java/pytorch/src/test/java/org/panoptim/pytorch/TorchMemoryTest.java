package org.panoptim.pytorch;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.junit.jupiter.api.Test;
import org.panoptim.memory.HostMemory;

import java.lang.foreign.ValueLayout;
import java.util.Map;

class TorchMemoryTest {

    @Test
    void itIsTheTensorsOwnRowByRow() {
        try (var _ = new PointerScope()) {
            var tensor = Tensor.create(new float[] {1, 2, 3, 4, 5, 6}, 3, 2);
            var memory = (HostMemory) TorchMemory.of(tensor);

            tensor.add_(new org.bytedeco.pytorch.Scalar(1));

            assertThat(memory.segment().toArray(ValueLayout.JAVA_FLOAT))
                    .containsExactly(2, 3, 4, 5, 6, 7);
        }
    }

    @Test
    void whatLiesOtherwiseIsRefused() {
        try (var _ = new PointerScope()) {
            var tensor = Tensor.create(new float[] {1, 2, 3, 4, 5, 6}, 3, 2);

            assertThatIllegalArgumentException()
                    .isThrownBy(() -> TorchMemory.of(tensor.t()))
                    .withMessageContaining("must lie row by row")
                    .withMessageContaining("contiguous()");
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> TorchMemory.of(tensor.to(torch.ScalarType.Double)))
                    .withMessageContaining("must be float32");
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> TorchMemory.of(new Tensor()))
                    .withMessage("the tensor is undefined");
        }
    }

    @Test
    void whatGoesWithAParameterLiesAsTheParameterDoes() {
        try (var _ = new PointerScope()) {
            var value = torch.torch_zeros(3, 2).t().requires_grad_();
            try (var parameters = TorchParameters.of(Map.of("w", value))) {
                var parameter = parameters.list().getFirst();
                var rows = Tensor.create(new float[] {1, 2, 3, 4, 5, 6}, 2, 3);

                assertThatIllegalArgumentException()
                        .isThrownBy(() -> TorchMemory.inOrderOf(parameter, rows))
                        .withMessage(
                                "the tensor must lie in memory as parameter 'w' does, with"
                                    + " dimensions in the order [1, 0] and sizes [3, 2] there, but"
                                    + " has sizes [2, 3], strides [3, 1]");
                assertThatIllegalArgumentException()
                        .isThrownBy(
                                () -> TorchMemory.inOrderOf(parameter, torch.torch_zeros(4, 2).t()))
                        .withMessageContaining("but has sizes [2, 4]");

                var memory = TorchMemory.inOrderOf(parameter, rows.t().contiguous().t());
                assertThat(((HostMemory) memory).segment().toArray(ValueLayout.JAVA_FLOAT))
                        .containsExactly(1, 4, 2, 5, 3, 6);
                parameter.curvature(memory);
            }
        }
    }
}
