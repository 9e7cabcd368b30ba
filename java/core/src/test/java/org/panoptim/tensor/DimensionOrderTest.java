package org.panoptim.tensor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import org.junit.jupiter.api.Test;
import org.panoptim.memory.HostMemory;
import org.panoptim.parameter.Parameter;
import org.panoptim.parameter.Tensors;

import java.lang.foreign.MemorySegment;
import java.util.List;

class DimensionOrderTest {

    private static final DimensionOrder CHANNELS_LAST = new DimensionOrder(List.of(0, 2, 3, 1));

    private static DimensionOrder order(Shape tensor, Integer... dimensions) {
        return DimensionOrder.of(tensor, List.of(dimensions));
    }

    private static Parameter parameter(DimensionOrder order, long... memory) {
        var shape = Shape.of(memory);
        return Parameter.of(
                "w",
                shape,
                order,
                new HostMemory(MemorySegment.ofArray(new float[(int) shape.elements()])));
    }

    @Test
    void theMemoryOfAPermutedTensorHasItsDimensionsInThatOrder() {
        var tensor = Shape.of(4, 3, 5, 7);
        assertThat(CHANNELS_LAST.inMemory(tensor)).isEqualTo(Shape.of(4, 5, 7, 3));
        assertThat(CHANNELS_LAST.ofTensor(Shape.of(4, 5, 7, 3))).isEqualTo(tensor);
        assertThat(CHANNELS_LAST.isContiguous()).isFalse();
        assertThat(CHANNELS_LAST).hasToString("[0, 2, 3, 1]");
    }

    @Test
    void aContiguousTensorHasItsDimensionsInTheirOwnOrder() {
        var order = DimensionOrder.contiguous(3);
        assertThat(order.isContiguous()).isTrue();
        assertThat(order.dimensions()).containsExactly(0, 1, 2);
        assertThat(order.inMemory(Shape.of(2, 3, 4))).isEqualTo(Shape.of(2, 3, 4));
        assertThat(DimensionOrder.contiguous(0).isContiguous()).isTrue();
    }

    @Test
    void whereADimensionOfSizeOneLiesSaysNothing() {
        assertThat(order(Shape.of(1, 5), 1, 0).isContiguous()).isTrue();
        assertThat(order(Shape.of(4, 3, 1, 1), 0, 2, 3, 1).isContiguous()).isTrue();
        assertThat(order(Shape.of(1, 1, 1, 1), 3, 1, 0, 2).isContiguous()).isTrue();
        assertThat(order(Shape.of(4, 3, 1, 7), 0, 2, 3, 1))
                .isEqualTo(order(Shape.of(4, 3, 1, 7), 2, 0, 3, 1))
                .isEqualTo(new DimensionOrder(List.of(0, 3, 2, 1)));
        assertThat(order(Shape.of(4, 1, 5, 7), 0, 2, 3, 1).isContiguous()).isTrue();
    }

    @Test
    void aTensorWithoutElementsHasNoOtherOrder() {
        assertThat(order(Shape.of(0, 4), 1, 0).isContiguous()).isTrue();
    }

    @Test
    void sizesAboveOneKeepTheirOrder() {
        assertThat(order(Shape.of(2, 2), 1, 0)).isEqualTo(new DimensionOrder(List.of(1, 0)));
        assertThat(order(Shape.of(2, 3, 4), 2, 0, 1))
                .isEqualTo(new DimensionOrder(List.of(2, 0, 1)));
    }

    @Test
    void whatIsNoOrderIsRefused() {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> new DimensionOrder(List.of(0, 0)))
                .withMessage(
                        "an order of 2 dimensions has each number below that once, but is [0, 0]");
        assertThatIllegalArgumentException().isThrownBy(() -> new DimensionOrder(List.of(1, 2)));
        assertThatIllegalArgumentException().isThrownBy(() -> new DimensionOrder(List.of(-1, 0)));
        assertThatIllegalArgumentException()
                .isThrownBy(() -> CHANNELS_LAST.inMemory(Shape.of(2, 3)))
                .withMessage("the shape [2, 3] has 2 dimensions, but the order [0, 2, 3, 1] has 4");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> order(Shape.of(2, 3), 0, 1, 2))
                .withMessage("the shape [2, 3] has 2 dimensions, but the order [0, 1, 2] has 3");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> order(Shape.of(2, 3), 0))
                .withMessage("the shape [2, 3] has 2 dimensions, but the order [0] has 1");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> parameter(CHANNELS_LAST, 2, 3))
                .withMessageContaining("has 2 dimensions");
    }

    @Test
    void aParameterHasTheShapeOfItsMemoryAndTheOrderOfItsDimensions() {
        var parameter = parameter(CHANNELS_LAST, 4, 5, 7, 3);
        assertThat(parameter.shape()).isEqualTo(Shape.of(4, 5, 7, 3));
        assertThat(parameter.order()).isEqualTo(CHANNELS_LAST);
        assertThat(parameter(DimensionOrder.contiguous(2), 2, 3).order().isContiguous()).isTrue();
        assertThat(Tensors.vector("v", 1, 2).order()).isEqualTo(DimensionOrder.contiguous(1));
    }

    @Test
    void aParametersDimensionsOfSizeOneAreAtTheirOwnIndex() {
        var parameter = parameter(new DimensionOrder(List.of(1, 0)), 1, 5);
        assertThat(parameter.shape()).isEqualTo(Shape.of(5, 1));
        assertThat(parameter.order().isContiguous()).isTrue();
    }
}
