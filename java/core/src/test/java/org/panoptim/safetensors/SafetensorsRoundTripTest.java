package org.panoptim.safetensors;

import static org.assertj.core.api.Assertions.assertThat;

import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.lifecycle.AfterProperty;
import net.jqwik.api.lifecycle.BeforeProperty;

import org.panoptim.DType;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;

class SafetensorsRoundTripTest {
    private Path folder = Path.of("");

    /** A tensor to be written; its bytes follow from its seed. */
    record Tensor(String name, DType dtype, List<Long> shape, long seed) {
        byte[] bytes() {
            byte[] bytes = new byte[(int) TensorInfo.byteSize(dtype, shape)];
            new Random(seed).nextBytes(bytes);
            return bytes;
        }
    }

    @BeforeProperty
    void makeFolder() throws IOException {
        folder = Files.createTempDirectory("safetensors");
    }

    @AfterProperty
    void deleteFolder() throws IOException {
        Files.deleteIfExists(folder.resolve("model.safetensors"));
        // Fails if a writer left anything else behind.
        Files.delete(folder);
    }

    @Property(tries = 500)
    void whatIsWrittenIsRead(
            @ForAll("metadata") Map<String, String> metadata,
            @ForAll("tensors") List<Tensor> tensors)
            throws IOException {
        Path file = folder.resolve("model.safetensors");
        var writer = new SafetensorsWriter().metadata(metadata);
        for (Tensor tensor : tensors) {
            MemorySegment data = MemorySegment.ofArray(tensor.bytes());
            if (tensor.seed() % 2 == 0) {
                writer.tensor(tensor.name(), tensor.dtype(), tensor.shape(), data);
            } else {
                writer.tensor(
                        tensor.name(),
                        tensor.dtype(),
                        tensor.shape(),
                        (chunk, offset) -> chunk.copyFrom(data.asSlice(offset, chunk.byteSize())));
            }
        }
        writer.write(file);

        assertThat((Files.readAllBytes(file)[0] & 0xff) % 8).isZero();
        try (var reader = SafetensorsReader.open(file);
                Arena arena = Arena.ofConfined()) {
            assertThat(new ArrayList<>(reader.metadata().entrySet()))
                    .isEqualTo(new ArrayList<>(metadata.entrySet()));
            assertThat(reader.tensors().keySet())
                    .containsExactlyElementsOf(tensors.stream().map(Tensor::name).toList());
            for (Tensor tensor : tensors) {
                TensorInfo info = reader.require(tensor.name());
                assertThat(info.dtype()).isEqualTo(tensor.dtype());
                assertThat(info.shape()).isEqualTo(tensor.shape());
                MemorySegment data = arena.allocate(info.byteSize());
                reader.read(info, data);
                assertThat(data.mismatch(MemorySegment.ofArray(tensor.bytes()))).isEqualTo(-1);
            }
        }
    }

    @Provide
    Arbitrary<Map<String, String>> metadata() {
        return Arbitraries.maps(text(), text()).ofMaxSize(5);
    }

    @Provide
    Arbitrary<List<Tensor>> tensors() {
        var dimensions = Arbitraries.longs().between(0, 6).list().ofMaxSize(4);
        var names = text().filter(name -> !name.equals("__metadata__"));
        return Combinators.combine(
                        names, Arbitraries.of(DType.class), dimensions, Arbitraries.longs())
                .as(Tensor::new)
                .list()
                .ofMaxSize(6)
                .uniqueElements(Tensor::name);
    }

    /** Any Unicode, with what JSON escapes and what names look like made frequent. */
    private static Arbitrary<String> text() {
        var awkward =
                Arbitraries.of(
                        "\"",
                        "\\",
                        "\n",
                        "\r",
                        "\t",
                        "\0",
                        "\u001f",
                        "\u007f",
                        "\u2028",
                        "\ufeff",
                        "/",
                        "{",
                        "}",
                        "é",
                        "重み",
                        "😀",
                        "\ud83d\ude00\u200d");
        var plain = Arbitraries.of("exp_avg", ".", "weight", "state/", "0", " ");
        var any =
                Arbitraries.integers()
                        .between(0, Character.MAX_CODE_POINT)
                        .filter(c -> c < Character.MIN_SURROGATE || c > Character.MAX_SURROGATE)
                        .map(Character::toString);
        return Arbitraries.oneOf(awkward, plain, any)
                .list()
                .ofMaxSize(8)
                .map(parts -> String.join("", parts));
    }
}
