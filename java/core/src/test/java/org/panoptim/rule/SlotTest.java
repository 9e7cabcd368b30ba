package org.panoptim.rule;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.panoptim.rule.MatrixView.LAST_TWO;
import static org.panoptim.rule.MatrixView.UNITS;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.panoptim.rule.Slot.Extent;
import org.panoptim.tensor.DType;
import org.panoptim.tensor.Shape;

import java.util.List;

class SlotTest {

    @Test
    void oneNumberOfATensorOrARuleMayBeReported() {
        for (var extent : List.of(Extent.TENSOR, Extent.RULE)) {
            var slot = new Slot("d", extent);
            assertThat(slot.reported()).isFalse();
            var reported = slot.asReported().startingAt(0.5);
            assertThat(reported.reported()).isTrue();
            assertThat(Slot.sameStates(List.of(slot), List.of(reported))).isTrue();
        }
        assertThatThrownBy(() -> new Slot("row_var", Extent.ROW).asReported())
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("slot 'row_var' is not one number, so reports cannot tell it");
    }

    @Test
    void aStateOfElementsHasTheParametersShape() {
        assertThat(Extent.ELEMENT.shape(Shape.of(2, 3, 4), LAST_TWO)).isEqualTo(Shape.of(2, 3, 4));
        assertThat(Extent.ELEMENT.shape(Shape.of(), LAST_TWO)).isEqualTo(Shape.of());
    }

    @Test
    void aStateOfRowsHasOneColumnAndAStateOfColumnsOneRow() {
        assertThat(Extent.ROW.shape(Shape.of(2, 3, 4), LAST_TWO)).isEqualTo(Shape.of(2, 3, 1));
        assertThat(Extent.COLUMN.shape(Shape.of(2, 3, 4), LAST_TWO)).isEqualTo(Shape.of(2, 1, 4));
        assertThat(Extent.ROW.shape(Shape.of(0, 4), LAST_TWO)).isEqualTo(Shape.of(0, 1));
    }

    @Test
    void aVectorIsOneRow() {
        assertThat(Extent.ROW.shape(Shape.of(5), LAST_TWO)).isEqualTo(Shape.of(1));
        assertThat(Extent.COLUMN.shape(Shape.of(5), LAST_TWO)).isEqualTo(Shape.of(5));
        assertThat(Extent.ROW.shape(Shape.of(), LAST_TWO)).isEqualTo(Shape.of());
        assertThat(Extent.COLUMN.shape(Shape.of(), LAST_TWO)).isEqualTo(Shape.of());
    }

    @Test
    void ofUnitsTheFirstDimensionNumbersRowsAndAllOthersColumns() {
        assertThat(Extent.ROW.shape(Shape.of(2, 3, 4), UNITS)).isEqualTo(Shape.of(2, 1, 1));
        assertThat(Extent.COLUMN.shape(Shape.of(2, 3, 4), UNITS)).isEqualTo(Shape.of(1, 3, 4));
        assertThat(Extent.ROW.shape(Shape.of(2, 0, 4), UNITS)).isEqualTo(Shape.of(2, 0, 1));
        assertThat(Extent.ROW.shape(Shape.of(5), UNITS)).isEqualTo(Shape.of(1));
        assertThat(Extent.COLUMN.shape(Shape.of(5), UNITS)).isEqualTo(Shape.of(5));
    }

    @Test
    void viewsKnowTheirRowsAndColumns() {
        var shape = Shape.of(2, 3, 4, 5);
        assertThat(List.of(LAST_TWO.rows(shape), LAST_TWO.columns(shape))).containsExactly(4L, 5L);
        assertThat(List.of(UNITS.rows(shape), UNITS.columns(shape))).containsExactly(2L, 60L);
        for (var view : MatrixView.values()) {
            assertThat(List.of(view.rows(Shape.of(7)), view.columns(Shape.of(7))))
                    .containsExactly(1L, 7L);
            assertThat(List.of(view.rows(Shape.of()), view.columns(Shape.of())))
                    .containsExactly(1L, 1L);
        }
    }

    @Test
    void onlyStatesOfTheRuleMustBeKept() {
        assertThat(new Slot("f", Extent.ROW).forOneStep().isKept()).isFalse();
        var slot = new Slot("d", Extent.RULE);
        assertThatThrownBy(slot::forOneStep)
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("slot 'd' is the rule's, so it must be kept from step to step");
    }

    @Test
    void aStateOfTheWholeIsOneFloat64() {
        for (var extent : List.of(Extent.TENSOR, Extent.RULE)) {
            assertThat(extent.shape(Shape.of(2, 3), LAST_TWO)).isEqualTo(Shape.of());
            assertThat(extent.dtype()).isEqualTo(DType.F64);
            assertThat(new Slot("d", extent).byteSize(Shape.of(2, 3), LAST_TWO)).isEqualTo(8);
        }
        assertThat(new Slot("m").byteSize(Shape.of(2, 3), LAST_TWO)).isEqualTo(24);
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
