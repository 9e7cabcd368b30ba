package org.panoptim.safetensors;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assumptions.assumeThat;

import static java.nio.charset.StandardCharsets.UTF_8;

import com.google.gson.JsonParser;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.panoptim.tensor.DType;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.zip.CRC32C;

class ChecksumTest {

    private static final int PREFIX = 8;

    @TempDir Path folder;

    private static SafetensorsWriter writer() {
        return new SafetensorsWriter()
                .metadata("step", "7")
                .tensor("w", DType.U8, List.of(3L), MemorySegment.ofArray(new byte[] {1, 2, 3}))
                .tensor("é", DType.U8, List.of(1L), MemorySegment.ofArray(new byte[] {4}))
                .tensor("empty", DType.F32, List.of(0L), MemorySegment.ofArray(new byte[0]))
                .checksums();
    }

    private Path file() {
        return folder.resolve("file.safetensors");
    }

    private byte[] written() throws IOException {
        writer().write(file());
        return Files.readAllBytes(file());
    }

    private static int headerEnd(byte[] bytes) {
        return PREFIX + (int) ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).getLong();
    }

    private static String header(byte[] bytes) {
        return new String(bytes, PREFIX, headerEnd(bytes) - PREFIX, UTF_8);
    }

    @Test
    void theHeadersChecksumStandsForTheFile() throws IOException {
        var header = header(written());
        try (var reader = SafetensorsReader.open(file())) {
            var checksum = reader.checksum().orElseThrow();
            assertThat(header).startsWith("{\"__metadata__\":{\"crc32c\":\"" + checksum);
            assertThat(crc32c(header.replaceFirst(checksum, "00000000").getBytes(UTF_8)))
                    .isEqualTo(checksum);
        }
        new SafetensorsWriter().write(file());
        try (var reader = SafetensorsReader.open(file())) {
            assertThat(reader.checksum()).isEmpty();
        }
    }

    @Test
    void aPartOfATensorIsReadWhateverItsChecksum() throws IOException {
        var bytes = written();
        bytes[headerEnd(bytes)] = 9;
        Files.write(file(), bytes);
        try (var reader = SafetensorsReader.open(file());
                var arena = Arena.ofConfined()) {
            var tensor = reader.require("w");
            var part = arena.allocate(2);
            reader.read(tensor, 0, part);
            assertThat(part.toArray(ValueLayout.JAVA_BYTE)).containsExactly(9, 2);
            reader.read(tensor, 1, part);
            assertThat(part.toArray(ValueLayout.JAVA_BYTE)).containsExactly(2, 3);
            reader.read(tensor, 3, MemorySegment.NULL);
            assertThatThrownBy(() -> reader.read(tensor, 2, part))
                    .isInstanceOf(IndexOutOfBoundsException.class);
            assertThatThrownBy(() -> reader.read(tensor, -1, part))
                    .isInstanceOf(IndexOutOfBoundsException.class);
        }
    }

    @Test
    void aPartMayBeLargerThanTheBufferOfWholeTensors() throws IOException {
        var values = new byte[(2 << 20) + 7];
        for (int i = 0; i < values.length; i++) {
            values[i] = (byte) (i * 31 >> 3);
        }
        new SafetensorsWriter()
                .tensor("w", DType.U8, List.of((long) values.length), MemorySegment.ofArray(values))
                .write(file());
        try (var reader = SafetensorsReader.open(file());
                var arena = Arena.ofConfined()) {
            var part = arena.allocate(values.length - 5);
            reader.read(reader.require("w"), 5, part);
            assertThat(part.toArray(ValueLayout.JAVA_BYTE))
                    .isEqualTo(Arrays.copyOfRange(values, 5, values.length));
        }
    }

    private static String crc32c(byte[] bytes) {
        var checksum = new CRC32C();
        checksum.update(bytes);
        return HexFormat.of().toHexDigits((int) checksum.getValue());
    }

    /** Replaces a part of the header, by one that is as long. */
    private void edit(String text, String by) throws IOException {
        var bytes = written();
        var header = header(bytes);
        assertThat(header).contains(text);
        var edited = header.replace(text, by).getBytes(UTF_8);
        assertThat(edited).hasSameSizeAs(header.getBytes(UTF_8));
        System.arraycopy(edited, 0, bytes, PREFIX, edited.length);
        Files.write(file(), bytes);
    }

    private void readAll() throws IOException {
        try (var reader = SafetensorsReader.open(file())) {
            for (var tensor : reader.tensors().values()) {
                reader.read(tensor, (_, _) -> {});
            }
        }
    }

    private void assertRefused(String problem) {
        assertThatThrownBy(this::readAll)
                .isInstanceOf(SafetensorsException.class)
                .hasMessage(file() + ": " + problem);
    }

    @Test
    void headerAndTensorsHaveTheirsInTheMetadata() throws IOException {
        var bytes = written();
        var header = header(bytes);
        assertThat(header).startsWith("{\"__metadata__\":{\"crc32c\":\"");
        var metadata =
                JsonParser.parseString(header).getAsJsonObject().getAsJsonObject("__metadata__");
        assertThat(metadata.get("crc32c/w").getAsString()).isEqualTo(crc32c(new byte[] {1, 2, 3}));
        assertThat(metadata.get("crc32c/é").getAsString()).isEqualTo(crc32c(new byte[] {4}));
        assertThat(metadata.get("crc32c/empty").getAsString()).isEqualTo("00000000");
        assertThat(metadata.get("step").getAsString()).isEqualTo("7");
        var own = metadata.get("crc32c").getAsString();
        assertThat(own)
                .isEqualTo(
                        crc32c(
                                header.replaceFirst("\"crc32c\":\"" + own, "\"crc32c\":\"00000000")
                                        .getBytes(UTF_8)));
    }

    @Test
    void theReaderKeepsThemToItself() throws IOException {
        written();
        try (var reader = SafetensorsReader.open(file())) {
            assertThat(reader.hasChecksums()).isTrue();
            assertThat(reader.metadata()).containsOnlyKeys("step");
            assertThat(reader.tensors()).containsOnlyKeys("w", "é", "empty");
        }
        readAll();
    }

    @Test
    void aFileWithoutThemIsRead() throws IOException {
        new SafetensorsWriter().metadata("step", "7").write(file());
        try (var reader = SafetensorsReader.open(file())) {
            assertThat(reader.hasChecksums()).isFalse();
            assertThat(reader.metadata()).containsOnlyKeys("step");
        }
    }

    @Test
    void anyBitThatFlipsIsNoticed() throws IOException {
        var bytes = written();
        for (int bit = 0; bit < 8 * bytes.length; bit++) {
            var damaged = bytes.clone();
            damaged[bit / 8] ^= (byte) (1 << bit % 8);
            Files.write(file(), damaged);
            assertThatThrownBy(this::readAll)
                    .as("bit %d of byte %d", bit % 8, bit / 8)
                    .isInstanceOf(SafetensorsException.class)
                    .hasMessageStartingWith(file() + ": ");
        }
    }

    @Test
    void aHeaderThatWasEditedIsRefused() throws IOException {
        edit("\"step\":\"7\"", "\"step\":\"8\"");
        assertThatThrownBy(this::readAll)
                .isInstanceOf(SafetensorsException.class)
                .hasMessageMatching(
                        "\\Q"
                                + file()
                                + "\\E: header: expected the checksum [0-9a-f]{8}, as it says,"
                                + " found [0-9a-f]{8}: it was damaged or edited");
    }

    @Test
    void aTensorThatWasDamagedIsRefusedOnceItIsRead() throws IOException {
        var bytes = written();
        bytes[bytes.length - 1] = 5;
        Files.write(file(), bytes);
        try (var reader = SafetensorsReader.open(file())) {
            var sound = new byte[3];
            reader.read(reader.require("w"), MemorySegment.ofArray(sound));
            assertThat(sound).containsExactly(1, 2, 3);
        }
        assertRefused(
                "tensor \"é\": expected bytes with the checksum %s, found %s: they were damaged or edited"
                        .formatted(crc32c(new byte[] {4}), crc32c(new byte[] {5})));
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '\0',
            value = {
                // One key less would leave a header unprotected without a word.
                "\"crc32c\":|\"crc32d\":|header: expected a checksum of the header beside those of"
                        + " tensors, found none",
                "crc32c/w|crc32c/x|header: expected the checksum ",
                "crc32c/w|crc32d/w|header: expected the checksum "
            })
    void keysThatWereChangedAreRefused(String text, String by, String problem) throws IOException {
        edit(text, by);
        assertThatThrownBy(this::readAll)
                .isInstanceOf(SafetensorsException.class)
                .hasMessageStartingWith(file() + ": " + problem);
    }

    /** A file whose header has its right checksum, whatever else it says. */
    private void writeSealed(String rest) throws IOException {
        var header = ("{\"__metadata__\":{\"crc32c\":\"00000000\"" + rest).getBytes(UTF_8);
        Checksums.complete(header);
        Files.write(file(), RawFile.of(header, new byte[1]));
    }

    private static final String TENSOR =
            ",\"w\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}}";

    @Test
    void aTensorWithoutOneIsRefusedWhereTheHeaderHasOne() throws IOException {
        writeSealed("}" + TENSOR);
        assertRefused("tensor \"w\": expected a checksum, as the header has one, found none");
    }

    @Test
    void oneOfATensorThatIsNotThereIsRefused() throws IOException {
        var zero = crc32c(new byte[1]);
        writeSealed(",\"crc32c/w\":\"" + zero + "\"}" + TENSOR);
        assertThatCode(this::readAll).doesNotThrowAnyException();
        writeSealed(",\"crc32c/w\":\"" + zero + "\",\"crc32c/v\":\"00000000\"}" + TENSOR);
        assertRefused("tensor \"v\": expected in the file, which has a checksum of it, found none");
    }

    @Test
    void aTensorOfATypeThatIsNotReadHasOneToo() throws IOException {
        var other = ",\"f\":{\"dtype\":\"F8_E4M3\",\"shape\":[0],\"data_offsets\":[1,1]}}";
        var both = TENSOR.substring(0, TENSOR.length() - 1) + other;
        var own = ",\"crc32c/w\":\"" + crc32c(new byte[1]) + '"';
        writeSealed(own + ",\"crc32c/f\":\"00000000\"}" + both);
        assertThatCode(this::readAll).doesNotThrowAnyException();
        writeSealed(own + "}" + both);
        assertRefused("tensor \"f\": expected a checksum, as the header has one, found none");
        writeSealed(own + ",\"crc32c/f\":\"00000000\",\"crc32c/v\":\"00000000\"}" + both);
        assertRefused("tensor \"v\": expected in the file, which has a checksum of it, found none");
    }

    @Test
    void twoOfTheSameThingAreRefused() throws IOException {
        writeSealed(",\"crc32c/w\":\"00000000\",\"crc32c/w\":\"00000000\"}" + TENSOR);
        assertRefused("header: expected __metadata__ key \"crc32c/w\" once, found it twice");
        writeSealed(",\"crc32c\":\"00000000\"}" + TENSOR);
        assertRefused("header: expected __metadata__ key \"crc32c\" once, found it twice");
    }

    @Test
    void oneOfTheHeaderThatComesLaterIsRefused() throws IOException {
        Files.write(
                file(), RawFile.of("{\"__metadata__\":{\"a\":\"\",\"crc32c\":\"00000000\"}}", 0));
        assertRefused("header: expected __metadata__ key \"crc32c\" before everything else");
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "0000000", "000000000", "0000000G", "ABCDEF00", "-0000000"})
    void anythingButEightDigitsIsRefused(String digits) throws IOException {
        Files.write(file(), RawFile.of("{\"__metadata__\":{\"crc32c\":\"" + digits + "\"}}", 0));
        assertRefused(
                "header: expected __metadata__ key \"crc32c\" to have eight hexadecimal digits,"
                        + " found \""
                        + digits
                        + '"');
    }

    @ParameterizedTest
    @ValueSource(strings = {"crc32c", "crc32c/", "crc32c/w"})
    void theirKeysAreNobodyElses(String key) {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> new SafetensorsWriter().metadata(key, ""))
                .withMessage("metadata key \"" + key + "\": is kept for checksums");
    }

    @Test
    void aPipeGetsTheSameBytesAsAFile() throws Exception {
        var pipe = pipe();
        var read = read(pipe);
        writer().write(pipe);
        assertThat(read.get(10, TimeUnit.SECONDS)).isEqualTo(written());
    }

    @Test
    void aTensorThatChangesWhileItIsWrittenToAPipeIsAnError() throws Exception {
        var pipe = pipe();
        var read = read(pipe);
        var calls = new int[1];
        var writer =
                writer().tensor(
                                "changing",
                                DType.U8,
                                List.of(1L),
                                (chunk, _) -> chunk.fill((byte) calls[0]++));
        assertThatThrownBy(() -> writer.write(pipe))
                .isInstanceOf(IOException.class)
                .hasMessage(pipe + ": the tensors changed while they were written");
        assertThat(read.get(10, TimeUnit.SECONDS)).isNotEmpty();
    }

    private Path pipe() throws Exception {
        var pipe = folder.resolve("pipe");
        assumeThat(new ProcessBuilder("mkfifo", pipe.toString()).start().waitFor()).isZero();
        return pipe;
    }

    private static CompletableFuture<byte[]> read(Path pipe) {
        return CompletableFuture.supplyAsync(
                () -> {
                    try {
                        return Files.readAllBytes(pipe);
                    } catch (IOException e) {
                        throw new UncheckedIOException(e);
                    }
                });
    }
}
