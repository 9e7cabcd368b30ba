package org.panoptim.safetensors;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.panoptim.seeded.Draw;
import org.panoptim.seeded.SeededCases;
import org.panoptim.tensor.DType;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
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

    @BeforeEach
    void makeFolder() throws IOException {
        folder = Files.createTempDirectory("safetensors");
    }

    @AfterEach
    void deleteFolder() throws IOException {
        Files.deleteIfExists(folder.resolve("model.safetensors"));
        // Fails if a writer left anything else behind.
        Files.delete(folder);
    }

    /** What is to be written. */
    private record Content(Map<String, String> metadata, List<Tensor> tensors) {}

    @Test
    void whatIsWrittenIsRead() {
        SeededCases.check(
                600,
                draw -> new Content(metadata(draw), tensors(draw)),
                content -> assertReadBack(content.metadata(), content.tensors()));
    }

    private void assertReadBack(Map<String, String> metadata, List<Tensor> tensors)
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

    private static Map<String, String> metadata(Draw draw) {
        var metadata = new LinkedHashMap<String, String>();
        for (var key : draw.list(0, 5, SafetensorsRoundTripTest::text)) {
            metadata.put(key, text(draw));
        }
        return metadata;
    }

    private static List<Tensor> tensors(Draw draw) {
        var tensors = new LinkedHashMap<String, Tensor>();
        for (var name : draw.list(0, 6, SafetensorsRoundTripTest::text)) {
            if (!name.equals("__metadata__")) {
                tensors.put(
                        name,
                        new Tensor(
                                name,
                                draw.of(DType.values()),
                                draw.list(0, 4, each -> (long) each.between(0, 6)),
                                draw.anyLong()));
            }
        }
        return List.copyOf(tensors.values());
    }

    private static final String[] AWKWARD = {
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
        "\ud83d\ude00\u200d"
    };

    private static final String[] PLAIN = {"exp_avg", ".", "weight", "state/", "0", " "};

    /** Any Unicode, with what JSON escapes and what names look like made frequent. */
    private static String text(Draw draw) {
        return String.join("", draw.list(0, 8, SafetensorsRoundTripTest::part));
    }

    private static String part(Draw draw) {
        return switch (draw.weighted(1, 1, 1)) {
            case 0 -> draw.of(AWKWARD);
            case 1 -> draw.of(PLAIN);
            default -> codePoint(draw);
        };
    }

    /** No half of a pair, which is no Unicode. */
    private static String codePoint(Draw draw) {
        int point = draw.between(0, Character.MAX_CODE_POINT);
        return Character.toString(
                point >= Character.MIN_SURROGATE && point <= Character.MAX_SURROGATE
                        ? Character.MAX_SURROGATE + 1
                        : point);
    }
}
