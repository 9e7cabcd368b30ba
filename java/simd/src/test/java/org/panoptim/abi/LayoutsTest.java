package org.panoptim.abi;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.panoptim.abi.bindings.panoptim_array;
import org.panoptim.abi.bindings.panoptim_arrays;
import org.panoptim.abi.bindings.panoptim_image;
import org.panoptim.abi.bindings.panoptim_prepared;
import org.panoptim.abi.bindings.panoptim_rule;
import org.panoptim.abi.bindings.panoptim_tensor;

/** The numbers written down for a quick start are those of jextract. */
class LayoutsTest {

    @Test
    void tensorsHaveThePlacesThatJextractFound() {
        assertThat(Layouts.TENSOR_BYTES).isEqualTo(panoptim_tensor.sizeof());
        assertThat(Layouts.TENSOR_ARRAYS).isEqualTo(panoptim_tensor.arrays$offset());
        assertThat(Layouts.TENSOR_VALUE).isEqualTo(panoptim_tensor.value$offset());
        assertThat(Layouts.TENSOR_SLOTS).isEqualTo(panoptim_tensor.slots$offset());
        assertThat(Layouts.TENSOR_ELEMENTS).isEqualTo(panoptim_tensor.elements$offset());
        assertThat(Layouts.TENSOR_FIRST_CHUNK).isEqualTo(panoptim_tensor.first_chunk$offset());
        assertThat(Layouts.TENSOR_CHUNKS).isEqualTo(panoptim_tensor.chunks$offset());
        assertThat(Layouts.TENSOR_GROUP).isEqualTo(panoptim_tensor.group$offset());
        assertThat(Layouts.TENSOR_RULE).isEqualTo(panoptim_tensor.rule$offset());
        assertThat(Layouts.TENSOR_STATES).isEqualTo(panoptim_tensor.states$offset());
        assertThat(Layouts.TENSOR_ROWS).isEqualTo(panoptim_tensor.rows$offset());
        assertThat(Layouts.TENSOR_COLUMNS).isEqualTo(panoptim_tensor.columns$offset());
        assertThat(Layouts.TENSOR_LINE_SUMS).isEqualTo(panoptim_tensor.line_sums$offset());
    }

    @Test
    void arraysHaveThePlacesThatJextractFound() {
        assertThat(Layouts.ARRAY_BYTES).isEqualTo(panoptim_array.sizeof());
        assertThat(Layouts.ARRAY_DATA).isEqualTo(panoptim_array.data$offset());
        assertThat(Layouts.ARRAY_TYPE).isEqualTo(panoptim_array.type$offset());
        assertThat(Layouts.ARRAYS_BYTES).isEqualTo(panoptim_arrays.sizeof());
        assertThat(Layouts.ARRAYS_VALUE).isEqualTo(panoptim_arrays.value$offset());
        assertThat(Layouts.ARRAYS_GRADIENT).isEqualTo(panoptim_arrays.gradient$offset());
        assertThat(Layouts.ARRAYS_COPY).isEqualTo(panoptim_arrays.copy$offset());
        assertThat(Layouts.ARRAYS_AVERAGE).isEqualTo(panoptim_arrays.average$offset());
        assertThat(Layouts.ARRAYS_SLOTS).isEqualTo(panoptim_arrays.slots$offset());
    }

    @Test
    void preparedAndImagesHaveThePlacesThatJextractFound() {
        assertThat(Layouts.PREPARED_BYTES).isEqualTo(panoptim_prepared.sizeof());
        assertThat(Layouts.IMAGE_BYTES).isEqualTo(panoptim_image.sizeof());
        assertThat(Layouts.IMAGE_ABI).isEqualTo(panoptim_image.abi$offset());
        assertThat(Layouts.IMAGE_RULE_COUNT).isEqualTo(panoptim_image.rule_count$offset());
        assertThat(Layouts.IMAGE_RULES).isEqualTo(panoptim_image.rules$offset());
        assertThat(Layouts.RULE_BYTES).isEqualTo(panoptim_rule.sizeof());
        assertThat(Layouts.RULE_PHASES).isEqualTo(panoptim_rule.phases$offset());
        assertThat(Layouts.RULE_CURVATURE).isEqualTo(panoptim_rule.curvature$offset());
        assertThat(Layouts.RULE_INDEX).isEqualTo(panoptim_rule.index$offset());
        assertThat(Layouts.RULE_NAME).isEqualTo(panoptim_rule.name$offset());
        assertThat(Layouts.RULE_PASS_PHASES).isEqualTo(panoptim_rule.pass_phases$offset());
        assertThat(Layouts.RULE_SIGNATURE).isEqualTo(panoptim_rule.signature$offset());
    }

    @Test
    void noStructureIsAlignedMoreStrictly() {
        assertThat(Layouts.ALIGNMENT)
                .isEqualTo(panoptim_tensor.layout().byteAlignment())
                .isGreaterThanOrEqualTo(panoptim_prepared.layout().byteAlignment())
                .isGreaterThanOrEqualTo(panoptim_image.layout().byteAlignment());
    }
}
