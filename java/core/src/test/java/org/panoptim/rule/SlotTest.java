package org.panoptim.rule;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.panoptim.rule.Slot.Extent;
import org.panoptim.tensor.DType;
import org.panoptim.tensor.Shape;

import java.util.List;

class SlotTest {

    @Test
    void aStateOfElementsHasTheParametersShape() {
        assertThat(Extent.ELEMENT.shape(Shape.of(2, 3, 4))).isEqualTo(Shape.of(2, 3, 4));
        assertThat(Extent.ELEMENT.shape(Shape.of())).isEqualTo(Shape.of());
    }

    @Test
    void aStateOfRowsHasOneColumnAndAStateOfColumnsOneRow() {
        assertThat(Extent.ROW.shape(Shape.of(2, 3, 4))).isEqualTo(Shape.of(2, 3, 1));
        assertThat(Extent.COLUMN.shape(Shape.of(2, 3, 4))).isEqualTo(Shape.of(2, 1, 4));
        assertThat(Extent.ROW.shape(Shape.of(0, 4))).isEqualTo(Shape.of(0, 1));
    }

    @Test
    void aVectorIsOneRow() {
        assertThat(Extent.ROW.shape(Shape.of(5))).isEqualTo(Shape.of(1));
        assertThat(Extent.COLUMN.shape(Shape.of(5))).isEqualTo(Shape.of(5));
        assertThat(Extent.ROW.shape(Shape.of())).isEqualTo(Shape.of());
        assertThat(Extent.COLUMN.shape(Shape.of())).isEqualTo(Shape.of());
    }

    @Test
    void aStateOfTheWholeIsOneFloat64() {
        for (var extent : List.of(Extent.TENSOR, Extent.RULE)) {
            assertThat(extent.shape(Shape.of(2, 3))).isEqualTo(Shape.of());
            assertThat(extent.dtype()).isEqualTo(DType.F64);
            assertThat(new Slot("d", extent).byteSize(Shape.of(2, 3))).isEqualTo(8);
        }
        assertThat(new Slot("m").byteSize(Shape.of(2, 3))).isEqualTo(24);
    }

    @ParameterizedTest
    @EnumSource(names = "ELEMENT", mode = EnumSource.Mode.EXCLUDE)
    void onlyAStateOfElementsCanBeginAsTheParameter(Extent extent) {
        var slot = new Slot("z", extent);
        assertThatThrownBy(slot::startingAtParameter)
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("slot 'z' has no value for each element to begin as the parameter's");
    }

    @Test
    void statesAreTheSameWhereverTheyBegin() {
        var one = List.of(new Slot("sum"), new Slot("d", Extent.RULE));
        var other = List.of(new Slot("sum").startingAt(0.1), new Slot("d", Extent.RULE));
        assertThat(Slot.sameStates(one, other)).isTrue();
        assertThat(Slot.sameStates(one, one.reversed())).isFalse();
        assertThat(Slot.sameStates(one, one.subList(0, 1))).isFalse();
        assertThat(Slot.sameStates(one, List.of(new Slot("sum"), new Slot("d", Extent.TENSOR))))
                .isFalse();
        assertThat(Slot.sameStates(one, List.of(new Slot("total"), new Slot("d", Extent.RULE))))
                .isFalse();
    }

    @Test
    void onlyStatesOfElementsTakeMemoryForEach() {
        var slots = List.of(new Slot("m"), new Slot("r", Extent.ROW), new Slot("d", Extent.TENSOR));
        assertThat(Slot.elementBytes(slots)).isEqualTo(4);
    }

    @Test
    void itIsWrittenWithAnExtentThatIsNotTheUsualOne() {
        assertThat(new Slot("m")).hasToString("m");
        assertThat(new Slot("d", Extent.RULE)).hasToString("d (RULE)");
    }
}
