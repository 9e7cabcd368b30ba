package org.panoptim.tensor;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

class DTypeTest {
    @ParameterizedTest
    @CsvSource({
        "F64, 8", "F32, 4", "F16, 2", "BF16, 2", "I64, 8", "I32, 4", "I16, 2", "I8, 1", "U8, 1",
        "BOOL, 1"
    })
    void anElementTakesTheBytesThatItsNameSays(DType type, int bytes) {
        assertThat(type.byteSize()).isEqualTo(bytes);
    }

    @ParameterizedTest
    @EnumSource
    void aTypeIsFoundByItsName(DType type) {
        assertThat(DType.of(type.name())).contains(type);
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "f32", " F32", "F8_E4M3", "float32"})
    void anotherNameFindsNoType(String name) {
        assertThat(DType.of(name)).isEmpty();
    }
}
