package org.panoptim.safetensors;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.entry;

import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.panoptim.tensor.DType;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;

/** A file that the Python package wrote; the README beside it says how. */
class SafetensorsInteropTest {
    private static final String NAME = "written-by-python.safetensors";

    @TempDir Path folder;
    private Path file = Path.of("");

    @BeforeEach
    void unpack() throws IOException {
        file = folder.resolve(NAME);
        try (var resource = SafetensorsInteropTest.class.getResourceAsStream(NAME)) {
            Files.copy(Objects.requireNonNull(resource), file);
        }
    }

    private static ByteBuffer bytes(SafetensorsReader reader, String name) throws IOException {
        byte[] bytes = new byte[(int) reader.require(name).byteSize()];
        reader.read(reader.require(name), MemorySegment.ofArray(bytes));
        return ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
    }

    @Test
    void everyDtypeThatPythonWroteIsRead() throws IOException {
        try (var reader = SafetensorsReader.open(file)) {
            assertThat(reader.metadata())
                    .containsExactly(entry("rule", "adamw \"quoted\"\n\t/é😀"));
            assertThat(reader.tensors().values())
                    .extracting(TensorInfo::dtype)
                    .contains(DType.values());
            assertThat(reader.tensors()).hasSize(12);

            assertThat(reader.require("weight").shape()).containsExactly(2L, 3L);
            assertThat(reader.floats("weight"))
                    .containsExactly(0.5f, -1f, Float.POSITIVE_INFINITY, Float.MIN_VALUE, -0f, 3f);
            assertThat(reader.require("step").shape()).isEmpty();
            assertThat(bytes(reader, "step").getLong()).isEqualTo(7_000_000_000L);
            assertThat(bytes(reader, "double").getDouble()).isEqualTo(1.0 / 3);
            assertThat(Float.float16ToFloat(bytes(reader, "half").getShort(2))).isEqualTo(-2f);
            assertThat(Float.intBitsToFloat(bytes(reader, "brain").getShort(2) << 16))
                    .isEqualTo(-2f);
            assertThat(bytes(reader, "int").getInt()).isEqualTo(-5);
            assertThat(bytes(reader, "short").getShort()).isEqualTo((short) -6);
            assertThat(bytes(reader, "byte").get()).isEqualTo((byte) -7);
            assertThat(bytes(reader, "unsigned").array()).containsExactly(1, 2, 255);
            assertThat(bytes(reader, "mask").array()).containsExactly(1, 0);
            assertThat(reader.require("empty").shape()).containsExactly(0L, 3L);
            assertThat(reader.floats("empty")).isEmpty();
            assertThat(reader.require("重み \"é\"\n").shape()).isEqualTo(List.of(1L, 1L, 1L));
            assertThat(bytes(reader, "重み \"é\"\n").get()).isEqualTo((byte) 9);
        }
    }

    @Test
    void writtenAgainInTheSameOrderItHasTheSameTensors() throws IOException {
        Path copy = folder.resolve("copy");
        try (var reader = SafetensorsReader.open(file);
                Arena arena = Arena.ofConfined()) {
            var writer = new SafetensorsWriter().metadata(reader.metadata());
            for (TensorInfo info : reader.tensors().values()) {
                MemorySegment data = arena.allocate(info.byteSize());
                reader.read(info, data);
                writer.tensor(info.name(), info.dtype(), info.shape(), data);
            }
            writer.write(copy);
        }
        assertThat(copy).hasSameBinaryContentAs(file);
    }
}
