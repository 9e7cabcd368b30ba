package org.panoptim.pytorch;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.junit.jupiter.api.Test;
import org.panoptim.HostMemory;

import java.lang.foreign.ValueLayout;

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
}
