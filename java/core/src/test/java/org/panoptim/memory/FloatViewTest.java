package org.panoptim.memory;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.panoptim.tensor.DType;

import java.lang.foreign.MemorySegment;

/** Elements of several types as floats. */
class FloatViewTest {

    @Test
    void floatsAreThemselves() {
        var floats = new float[] {1, 0x1.000002p0f, Float.NaN};
        var view = FloatView.of(new HostMemory(MemorySegment.ofArray(floats)), DType.F32);
        assertThat(view.elements()).isEqualTo(3);
        assertThat(view.get(1)).isEqualTo(0x1.000002p0f);
        assertThat(view.get(2)).isNaN();
        view.set(0, -3);
        assertThat(floats[0]).isEqualTo(-3);
    }

    @Test
    void halvesAreRounded() {
        var bits = new short[] {0x3f80, (short) 0xc000, 0};
        var view = new FloatView(MemorySegment.ofArray(bits), DType.BF16);
        assertThat(view.elements()).isEqualTo(3);
        assertThat(view.get(0)).isEqualTo(1);
        assertThat(view.get(1)).isEqualTo(-2);
        view.set(2, 0x1.03p0f);
        assertThat(bits[2]).isEqualTo((short) 0x3f82);
        assertThat(view.get(2)).isEqualTo(0x1.04p0f);
    }

    @ParameterizedTest
    @EnumSource(
            names = {"F32", "BF16"},
            mode = EnumSource.Mode.EXCLUDE)
    void otherTypesAreRefused(DType type) {
        assertThatThrownBy(() -> new FloatView(MemorySegment.ofArray(new byte[8]), type))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("the type must be F32 or BF16, but is " + type);
    }
}
