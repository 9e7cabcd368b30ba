package org.panoptim.safetensors;

import static org.assertj.core.api.Assertions.assertThat;

import static java.nio.charset.StandardCharsets.UTF_8;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.panoptim.seeded.Draw;
import org.panoptim.seeded.SeededCases;
import org.panoptim.tensor.DType;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.management.ManagementFactory;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.Function;
import java.util.function.UnaryOperator;
import java.util.regex.Pattern;

/**
 * Opens files that were damaged in every way. Each is either refused with the one exception, or is
 * a valid file; and nothing is allocated that the file's true length does not justify.
 */
class SafetensorsFuzzTest {
    private static final List<byte[]> SEEDS =
            List.of(
                    RawFile.of("{}      ", 0),
                    RawFile.of(
                            "{"
                                    + RawFile.tensor("w", "F32", "[2,3]", "[0,24]")
                                    + ","
                                    + RawFile.tensor("b", "F32", "[]", "[24,28]")
                                    + "}",
                            28),
                    RawFile.of(
                            "{\"__metadata__\":{\"step\":\"10\",\"é\":\"\\\"\\u00e9\\n\"},"
                                    + RawFile.tensor("i", "I64", "[1]", "[0,8]")
                                    + ","
                                    + RawFile.tensor("e", "F16", "[0,3]", "[8,8]")
                                    + ","
                                    + RawFile.tensor("重み", "BF16", "[2]", "[8,12]")
                                    + ","
                                    + RawFile.tensor("m", "BOOL", "[3]", "[12,15]")
                                    + "}    ",
                            15));

    private static final List<Long> PREFIXES =
            List.of(
                    0L,
                    1L,
                    2L,
                    7L,
                    8L,
                    99_999_999L,
                    100_000_000L,
                    100_000_001L,
                    0x7fff_ffffL,
                    0x8000_0000L,
                    0xffff_ffffL,
                    Long.MAX_VALUE - 8,
                    Long.MAX_VALUE,
                    Long.MIN_VALUE,
                    -8L,
                    -1L);

    /** Pieces that a header is made of, and others that it must not have. */
    private static final List<String> TOKENS =
            List.of(
                    "",
                    " ",
                    "\n",
                    "\0",
                    "{",
                    "}",
                    "[",
                    "]",
                    "{}",
                    "[]",
                    ",",
                    ":",
                    "\"",
                    "\\",
                    "\\ud800",
                    "\"w\"",
                    "\"__metadata__\"",
                    "\"dtype\"",
                    "\"shape\"",
                    "\"data_offsets\"",
                    "\"F32\"",
                    "\"U8\"",
                    "\"F99\"",
                    "null",
                    "true",
                    "NaN",
                    "//",
                    "[[",
                    "{\"a\":",
                    "0",
                    "-0",
                    "-1",
                    "1",
                    "4",
                    "8",
                    "24",
                    "28",
                    "1.5",
                    "1e400",
                    "1E2",
                    "01",
                    "4611686018427387904",
                    "9223372036854775807",
                    "9223372036854775808",
                    "99999999999999999999999999");

    private static final Pattern TOKEN =
            Pattern.compile(
                    "\"(?:[^\"\\\\]++|\\\\.)*+\"|-?[0-9][0-9.eE+-]*|[a-zA-Z]+|.", Pattern.DOTALL);

    private final com.sun.management.ThreadMXBean threads =
            (com.sun.management.ThreadMXBean) ManagementFactory.getThreadMXBean();
    private Path file = Path.of("");
    private int accepted;

    @BeforeEach
    void makeFile() throws IOException {
        file = Files.createTempFile("fuzzed", ".safetensors");
    }

    @AfterEach
    void deleteFile() throws IOException {
        Files.delete(file);
    }

    @Test
    void damagedBytesAreRefusedOrHarmless() {
        int cases =
                SeededCases.check(
                        3000,
                        draw -> damaged(draw, SafetensorsFuzzTest::damageToBytes),
                        this::check);
        requireBothOutcomes(cases);
    }

    @Test
    void damagedHeadersAreRefusedOrHarmless() {
        int cases =
                SeededCases.check(
                        3000,
                        draw -> damaged(draw, SafetensorsFuzzTest::damageToHeader),
                        this::check);
        requireBothOutcomes(cases);
    }

    @Test
    void anyBytesBehindATruePrefixAreRefusedOrHarmless() {
        SeededCases.check(500, draw -> behindBrace(draw.bytes(0, 255)), this::check);
    }

    private static byte[] behindBrace(byte[] header) {
        byte[] object = new byte[header.length + 1];
        object[0] = '{';
        System.arraycopy(header, 0, object, 1, header.length);
        return RawFile.of(object, new byte[0]);
    }

    /** Damage that is always found, or never, would try one half of the reader only. */
    private void requireBothOutcomes(int cases) {
        if (cases >= 1000) {
            assertThat(accepted).isGreaterThan(cases / 50).isLessThan(cases / 2);
        }
    }

    private void check(byte[] content) throws IOException {
        Files.write(file, content);
        long before = threads.getCurrentThreadAllocatedBytes();
        try (var reader = SafetensorsReader.open(file)) {
            accepted++;
            checkCoverage(reader, content);
            for (TensorInfo info : reader.tensors().values()) {
                reader.read(info, MemorySegment.ofArray(new byte[(int) info.byteSize()]));
                if (info.dtype() == DType.F32) {
                    assertThat(reader.floats(info.name()).length).isEqualTo(info.elementCount());
                }
            }
        } catch (SafetensorsException e) {
            assertThat(e.getMessage()).startsWith(file + ": ").hasSizeLessThan(1000);
            assertThat(e.getMessage().chars().filter(Character::isISOControl)).isEmpty();
        }
        long allocated = threads.getCurrentThreadAllocatedBytes() - before;
        assertThat(allocated).as("bytes allocated").isLessThan(2_000_000 + 100L * content.length);
    }

    /**
     * Worked out here once more from what the reader says: each byte belongs to one tensor, maybe
     * to one that cannot be read.
     */
    private static void checkCoverage(SafetensorsReader reader, byte[] content) {
        long header = ByteBuffer.wrap(content).order(ByteOrder.LITTLE_ENDIAN).getLong();
        int dataSize = (int) (content.length - 8 - header);
        int[] owners = new int[dataSize];
        for (TensorInfo info : reader.tensors().values()) {
            long elements = info.shape().stream().reduce(1L, Math::multiplyExact);
            assertThat(info.end() - info.begin()).isEqualTo(elements * info.dtype().byteSize());
            for (long i = info.begin(); i < info.end(); i++) {
                owners[(int) i]++;
            }
        }
        if (reader.unreadable().isEmpty()) {
            assertThat(owners).containsOnly(dataSize == 0 ? new int[0] : new int[] {1});
        } else {
            assertThat(Arrays.stream(owners)).allMatch(count -> count <= 1);
        }
    }

    private static UnaryOperator<byte[]> damageToBytes(Draw draw) {
        double at = draw.between(0.0, 1.0);
        return switch (draw.weighted(1, 1, 1, 1, 1, 1)) {
            case 0 -> {
                int bit = draw.between(0, 7);
                yield content -> flip(content, at, bit);
            }
            case 1 -> content -> Arrays.copyOf(content, index(content.length, at));
            case 2 -> {
                var piece = draw.bytes(0, 20);
                yield content -> splice(content, at, 0, piece);
            }
            case 3 -> {
                var piece = draw.bytes(0, 20);
                yield content -> splice(content, at, piece.length, piece);
            }
            case 4 -> {
                int count = draw.between(1, 20);
                yield content -> splice(content, at, count, new byte[0]);
            }
            default -> {
                long length = prefix(draw);
                yield content -> setPrefix(content, length);
            }
        };
    }

    private static long prefix(Draw draw) {
        return switch (draw.weighted(1, 1, 1)) {
            case 0 -> draw.of(PREFIXES);
            case 1 -> draw.between(0, 400);
            default -> draw.anyLong();
        };
    }

    private static UnaryOperator<byte[]> damageToHeader(Draw draw) {
        double at = draw.between(0.0, 1.0);
        var token = draw.of(TOKENS);
        return switch (draw.weighted(4, 2, 2, 1, 1, 1)) {
            case 0 -> edit((tokens, i) -> tokens.set(i, token), at);
            case 1 -> edit((tokens, i) -> tokens.add(i, token), at);
            case 2 -> edit((tokens, i) -> tokens.remove(i), at);
            case 3 -> {
                int count = draw.between(1, 20);
                yield edit(
                        (tokens, i) -> {
                            int end = Math.min(i + count, tokens.size());
                            tokens.addAll(i, List.copyOf(tokens.subList(i, end)));
                        },
                        at);
            }
            case 4 -> {
                var repeated = token.repeat(draw.of(2, 300, 3_000));
                yield edit((tokens, i) -> tokens.add(i, repeated), at);
            }
            default -> {
                double to = draw.between(0.0, 1.0);
                yield edit(
                        (tokens, i) -> {
                            int j = index(tokens.size() - 1, to);
                            tokens.set(i, tokens.set(j, tokens.get(i)));
                        },
                        at);
            }
        };
    }

    private static byte[] damaged(Draw draw, Function<Draw, UnaryOperator<byte[]>> damage) {
        byte[] content = draw.of(SEEDS);
        for (var one : draw.list(1, 3, damage)) {
            content = one.apply(content);
        }
        return content;
    }

    private static byte[] flip(byte[] content, double at, int bit) {
        byte[] result = content.clone();
        if (result.length > 0) {
            result[index(result.length - 1, at)] ^= (byte) (1 << bit);
        }
        return result;
    }

    private static byte[] splice(byte[] content, double at, int removed, byte[] inserted) {
        int start = index(content.length, at);
        int end = Math.min(content.length, start + removed);
        var result = new ByteArrayOutputStream();
        result.write(content, 0, start);
        result.writeBytes(inserted);
        result.write(content, end, content.length - end);
        return result.toByteArray();
    }

    private static byte[] setPrefix(byte[] content, long length) {
        byte[] result = content.clone();
        if (result.length >= 8) {
            ByteBuffer.wrap(result).order(ByteOrder.LITTLE_ENDIAN).putLong(0, length);
        }
        return result;
    }

    private interface Edit {
        void apply(List<String> tokens, int index);
    }

    /** Changes the header's tokens and keeps the length prefix true. */
    private static UnaryOperator<byte[]> edit(Edit edit, double at) {
        return content -> {
            int headerSize =
                    (int) ByteBuffer.wrap(content).order(ByteOrder.LITTLE_ENDIAN).getLong();
            var tokens = new ArrayList<String>();
            var matcher = TOKEN.matcher(new String(content, 8, headerSize, UTF_8));
            while (matcher.find()) {
                tokens.add(matcher.group());
            }
            if (!tokens.isEmpty()) {
                edit.apply(tokens, index(tokens.size() - 1, at));
            }
            return RawFile.of(
                    String.join("", tokens).getBytes(UTF_8),
                    Arrays.copyOfRange(content, 8 + headerSize, content.length));
        };
    }

    private static int index(int last, double at) {
        return (int) Math.round(at * last);
    }
}
