package org.panoptim.safetensors;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assumptions.assumeThat;

import static java.nio.charset.StandardCharsets.UTF_8;

import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.DisabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;
import org.panoptim.tensor.DType;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

class SafetensorsWriterTest {
    private static final MemorySegment THREE_BYTES = MemorySegment.ofArray(new byte[] {1, 2, 3});

    @TempDir Path folder;

    private static SafetensorsWriter small() {
        return new SafetensorsWriter().tensor("w", DType.U8, List.of(3L), THREE_BYTES);
    }

    /** A writer of two tensors, whose second fails after its first chunk has been written. */
    private static SafetensorsWriter failingWith(Throwable failure) {
        return small().tensor(
                        "broken",
                        DType.U8,
                        List.of(3L * Format.CHUNK_BYTES),
                        (_, offset) -> {
                            if (offset > 0) {
                                sneaky(failure);
                            }
                        });
    }

    @SuppressWarnings("unchecked")
    private static <T extends Throwable> void sneaky(Throwable failure) throws T {
        throw (T) failure;
    }

    private List<Path> filesInFolder() throws IOException {
        try (var files = Files.list(folder)) {
            return files.toList();
        }
    }

    @Nested
    class TheBytes {
        @Test
        void theyAreTheFormatsInTheOrderGiven() throws IOException {
            Path file = folder.resolve("model.safetensors");
            new SafetensorsWriter()
                    .metadata("z", "1")
                    .metadata("a", "\"\n")
                    .tensor("w", DType.U8, List.of(3L), THREE_BYTES)
                    .tensor("a", DType.U8, List.of(0L, 2L), MemorySegment.ofArray(new byte[0]))
                    .tensor("b", DType.I16, List.of(), (chunk, _) -> chunk.fill((byte) 9))
                    .write(file);
            String header =
                    "{\"__metadata__\":{\"z\":\"1\",\"a\":\"\\\"\\n\"},"
                            + "\"w\":{\"dtype\":\"U8\",\"shape\":[3],\"data_offsets\":[0,3]},"
                            + "\"a\":{\"dtype\":\"U8\",\"shape\":[0,2],\"data_offsets\":[3,3]},"
                            + "\"b\":{\"dtype\":\"I16\",\"shape\":[],\"data_offsets\":[3,5]}}";
            String padded = header + " ".repeat((8 - header.length() % 8) % 8);
            assertThat(Files.readAllBytes(file))
                    .isEqualTo(RawFile.of(padded.getBytes(UTF_8), new byte[] {1, 2, 3, 9, 9}));
        }

        @Test
        void anEmptyFileIsJustAPaddedHeader() throws IOException {
            Path file = folder.resolve("model.safetensors");
            new SafetensorsWriter().write(file);
            assertThat(Files.readAllBytes(file)).isEqualTo(RawFile.of("{}      ", 0));
        }

        @Test
        void writingTwiceGivesTheSameBytes() throws IOException {
            var writer = small().metadata(new TreeMap<>(Map.of("b", "1", "a", "2")));
            writer.write(folder.resolve("1"));
            writer.write(folder.resolve("2"));
            assertThat(folder.resolve("1")).hasSameBinaryContentAs(folder.resolve("2"));
        }

        @Test
        void aSourceIsAskedForRisingChunksOfNativeMemory() throws IOException {
            long size = 2L * Format.CHUNK_BYTES + 8;
            var offsets = new ArrayList<Long>();
            var sizes = new ArrayList<Long>();
            new SafetensorsWriter()
                    .tensor(
                            "w",
                            DType.I64,
                            List.of(size / 8),
                            (chunk, offset) -> {
                                assertThat(chunk.isNative()).isTrue();
                                assertThat(chunk.isReadOnly()).isFalse();
                                offsets.add(offset);
                                sizes.add(chunk.byteSize());
                                chunk.fill((byte) offsets.size());
                            })
                    .tensor("empty", DType.I64, List.of(0L), (_, _) -> offsets.add(-1L))
                    .write(folder.resolve("model.safetensors"));
            long chunk = Format.CHUNK_BYTES;
            assertThat(offsets).containsExactly(0L, chunk, 2 * chunk);
            assertThat(sizes).containsExactly(chunk, chunk, 8L);
            try (var reader = SafetensorsReader.open(folder.resolve("model.safetensors"))) {
                byte[] data = new byte[(int) size];
                reader.read(reader.require("w"), MemorySegment.ofArray(data));
                assertThat(data[0]).isEqualTo((byte) 1);
                assertThat(data[(int) chunk - 1]).isEqualTo((byte) 1);
                assertThat(data[(int) chunk]).isEqualTo((byte) 2);
                assertThat(data[(int) size - 1]).isEqualTo((byte) 3);
            }
        }

        @Test
        void heapAndNativeAndUnalignedMemoryGiveTheSameBytes() throws IOException {
            try (Arena arena = Arena.ofConfined()) {
                MemorySegment unaligned = arena.allocate(13).asSlice(1);
                MemorySegment heap = MemorySegment.ofArray(new float[] {1, -2, Float.NaN});
                unaligned.copyFrom(heap);
                new SafetensorsWriter()
                        .tensor("w", DType.F32, List.of(3L), heap)
                        .write(folder.resolve("heap"));
                new SafetensorsWriter()
                        .tensor("w", DType.F32, List.of(3L), unaligned.asReadOnly())
                        .write(folder.resolve("native"));
            }
            assertThat(folder.resolve("heap")).hasSameBinaryContentAs(folder.resolve("native"));
        }
    }

    @Nested
    class BadArguments {
        @Test
        void aRepeatedNameIsRefused() {
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> small().tensor("w", DType.U8, List.of(3L), THREE_BYTES))
                    .withMessage("tensor \"w\": expected each name once, got it twice");
        }

        @Test
        void theNameOfTheMetadataIsRefused() {
            assertThatIllegalArgumentException()
                    .isThrownBy(
                            () ->
                                    small().tensor(
                                                    "__metadata__",
                                                    DType.U8,
                                                    List.of(3L),
                                                    THREE_BYTES))
                    .withMessageContaining("__metadata__ is kept");
        }

        @Test
        void aNegativeDimensionIsRefused() {
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> small().tensor("v", DType.U8, List.of(-1L, -3L), THREE_BYTES))
                    .withMessage(
                            "tensor \"v\": expected dimensions of 0 or more, got shape [-1, -3]");
        }

        @Test
        void memoryOfAnotherSizeIsRefused() {
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> small().tensor("v", DType.I16, List.of(2L), THREE_BYTES))
                    .withMessage(
                            "data of tensor \"v\": expected 4 bytes for shape [2] of I16, got 3");
        }

        @Test
        void aTotalAbove2To63BytesIsRefused() {
            assertThatIllegalArgumentException()
                    .isThrownBy(
                            () ->
                                    small().tensor(
                                                    "v",
                                                    DType.U8,
                                                    List.of(Long.MAX_VALUE - 2),
                                                    (_, _) -> {}))
                    .withMessageContaining("tensor \"v\": expected less than 2^63 bytes in all");
            assertThatCode(
                            () ->
                                    small().tensor(
                                                    "v",
                                                    DType.U8,
                                                    List.of(Long.MAX_VALUE - 3),
                                                    (_, _) -> {}))
                    .doesNotThrowAnyException();
        }

        @Test
        void halfASurrogatePairIsRefused() {
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> small().tensor("\ud800", DType.U8, List.of(3L), THREE_BYTES))
                    .withMessageContaining("tensor name: expected Unicode text")
                    .withMessageContaining("\"\\ud800\"");
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> small().metadata("a\udc00", "b"))
                    .withMessageContaining("metadata key: expected Unicode text");
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> small().metadata("a", "\ud800b"))
                    .withMessageContaining("value of metadata key \"a\": expected Unicode text");
        }

        @Test
        void aRepeatedMetadataKeyIsRefused() {
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> small().metadata("a", "1").metadata("a", "1"))
                    .withMessage("metadata key \"a\": expected each key once, got it twice");
        }

        @Test
        void aRefusedTensorLeavesTheWriterAsItWas() throws IOException {
            var writer = small();
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> writer.tensor("v", DType.I16, List.of(2L), THREE_BYTES));
            writer.write(folder.resolve("after"));
            small().write(folder.resolve("expected"));
            assertThat(folder.resolve("after")).hasSameBinaryContentAs(folder.resolve("expected"));
        }

        @Test
        void aHeaderAboveTheFormatsLimitIsRefusedBeforeAFileIsTouched() throws IOException {
            var writer = small().metadata("a", "x".repeat(100_000_000));
            assertThatThrownBy(() -> writer.write(folder.resolve("model.safetensors")))
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessageContaining("header: expected at most 100000000 bytes, got 1000000");
            assertThat(filesInFolder()).isEmpty();
        }

        @Test
        void aHeaderOfExactlyTheFormatsLimitIsWrittenAndRead() throws IOException {
            var file = folder.resolve("model.safetensors");
            int frame = "{\"__metadata__\":{\"a\":\"\"}}".length();
            var text = "x".repeat(SafetensorsReader.MAX_HEADER_BYTES - frame);
            new SafetensorsWriter().metadata("a", text).write(file);
            assertThat(file).hasSize(8L + SafetensorsReader.MAX_HEADER_BYTES);
            try (var reader = SafetensorsReader.open(file)) {
                assertThat(reader.metadata().get("a")).hasSameSizeAs(text);
            }
        }
    }

    @Nested
    class Atomicity {
        @Test
        void anOldFileIsReplaced() throws IOException {
            Path file = Files.writeString(folder.resolve("model.safetensors"), "old");
            small().write(file);
            try (var reader = SafetensorsReader.open(file)) {
                assertThat(reader.tensors().keySet()).containsExactly("w");
            }
            assertThat(filesInFolder()).containsExactly(file);
        }

        @Test
        void theOldFileStaysWhileTheNewOneIsWritten() throws IOException {
            Path file = Files.writeString(folder.resolve("model.safetensors"), "old");
            var seen = new ArrayList<String>();
            new SafetensorsWriter()
                    .tensor(
                            "w",
                            DType.U8,
                            List.of(1L),
                            (_, _) -> {
                                seen.add(Files.readString(file));
                                seen.add(String.valueOf(filesInFolder().size()));
                            })
                    .write(file);
            assertThat(seen).containsExactly("old", "2");
        }

        @Test
        void aFailingSourceLeavesTheOldFileAndNoTemporaryOne() throws IOException {
            Path file = Files.writeString(folder.resolve("model.safetensors"), "old");
            for (Throwable failure :
                    List.of(
                            new IOException("the device is gone"),
                            new IllegalStateException("bug"),
                            new OutOfMemoryError("none left"))) {
                assertThatThrownBy(() -> failingWith(failure).write(file)).isSameAs(failure);
                assertThat(filesInFolder()).containsExactly(file);
                assertThat(file).hasContent("old");
            }
        }

        @Test
        void aFailingSourceLeavesNothingWhereThereWasNothing() throws IOException {
            var failure = new IOException("the device is gone");
            Path file = folder.resolve("model.safetensors");
            assertThatThrownBy(() -> failingWith(failure).write(file)).isSameAs(failure);
            assertThat(filesInFolder()).isEmpty();
        }

        @Test
        void memoryThatWasFreedLeavesTheOldFileAndNoTemporaryOne() throws IOException {
            Path file = Files.writeString(folder.resolve("model.safetensors"), "old");
            var writer = new SafetensorsWriter();
            try (Arena arena = Arena.ofConfined()) {
                writer.tensor("w", DType.U8, List.of(1L), arena.allocate(1));
            }
            assertThatThrownBy(() -> writer.write(file)).isInstanceOf(IllegalStateException.class);
            assertThat(filesInFolder()).containsExactly(file);
            assertThat(file).hasContent("old");
        }

        @Test
        void anInterruptLeavesTheOldFileAndNoTemporaryOne() throws IOException {
            Path file = Files.writeString(folder.resolve("model.safetensors"), "old");
            var writer =
                    new SafetensorsWriter()
                            .tensor(
                                    "w",
                                    DType.U8,
                                    List.of(1L),
                                    (_, _) -> Thread.currentThread().interrupt());
            try {
                assertThatThrownBy(() -> writer.write(file)).isInstanceOf(IOException.class);
            } finally {
                assertThat(Thread.interrupted()).isTrue();
            }
            assertThat(filesInFolder()).containsExactly(file);
            assertThat(file).hasContent("old");
        }

        @Test
        void aMissingFolderIsNamed() {
            assertThatThrownBy(() -> small().write(folder.resolve("none").resolve("model")))
                    .isInstanceOf(NoSuchFileException.class)
                    .hasMessage(
                            "%s: the file cannot be made; there is no folder %s"
                                    .formatted(
                                            folder.resolve("none").resolve("model"),
                                            folder.resolve("none")));
            assertThat(folder.resolve("none")).doesNotExist();
        }

        @Test
        void aFolderThatIsAFileIsNamed() throws IOException {
            Path file = Files.writeString(folder.resolve("file"), "old");
            assertThatThrownBy(() -> small().write(file.resolve("model")))
                    .isInstanceOf(FileSystemException.class)
                    .hasMessageContaining(file.toString());
            assertThat(file).hasContent("old");
        }

        @Test
        void aTargetThatIsAFolderIsNamedAndKept() throws IOException {
            Path target = Files.createDirectory(folder.resolve("target"));
            assertThatThrownBy(() -> small().write(target))
                    .isInstanceOf(FileSystemException.class)
                    .hasMessage(target + ": expected a file, got a folder");
            assertThat(filesInFolder()).containsExactly(target);
            assertThat(target).isEmptyDirectory();
        }

        @Test
        @DisabledOnOs(OS.WINDOWS)
        void aReadOnlyFolderLeavesTheOldFile() throws IOException {
            Path file = Files.writeString(folder.resolve("model.safetensors"), "old");
            Files.setPosixFilePermissions(folder, PosixFilePermissions.fromString("r-xr-xr-x"));
            try {
                // To root every folder is writable.
                assumeThat(Files.isWritable(folder)).isFalse();
                assertThatThrownBy(() -> small().write(file)).isInstanceOf(IOException.class);
                assertThat(filesInFolder()).containsExactly(file);
                assertThat(file).hasContent("old");
            } finally {
                Files.setPosixFilePermissions(folder, PosixFilePermissions.fromString("rwxr-xr-x"));
            }
        }

        @Test
        @DisabledOnOs(OS.WINDOWS)
        void aReplacedFileKeepsItsPermissions() throws IOException {
            Path file = Files.writeString(folder.resolve("model.safetensors"), "old");
            for (String permissions : List.of("rw-------", "rw-rw-rw-")) {
                Files.setPosixFilePermissions(file, PosixFilePermissions.fromString(permissions));
                small().write(file);
                assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(file)))
                        .isEqualTo(permissions);
            }
        }

        @Test
        @DisabledOnOs(OS.WINDOWS)
        void aNewFileHasThePermissionsOfAnyNewFile() throws IOException {
            Path file = folder.resolve("model.safetensors");
            small().write(file);
            assertThat(Files.getPosixFilePermissions(file))
                    .isEqualTo(
                            Files.getPosixFilePermissions(
                                    Files.writeString(folder.resolve("plain"), "")));
        }

        @Test
        @DisabledOnOs(OS.WINDOWS)
        void aSymbolicLinkStaysAndItsTargetIsReplaced() throws IOException {
            Path elsewhere = Files.createDirectory(folder.resolve("elsewhere"));
            Path file = Files.writeString(elsewhere.resolve("model.safetensors"), "old");
            Path link = Files.createSymbolicLink(folder.resolve("latest"), file);
            small().write(link);
            assertThat(link).isSymbolicLink();
            try (var reader = SafetensorsReader.open(file)) {
                assertThat(reader.tensors().keySet()).containsExactly("w");
            }
        }

        @Test
        void aFileInTheWorkingFolderNeedsNoFolderInItsPath() throws IOException {
            Path relative = Path.of("safetensors-writer-test.tmp");
            try {
                small().write(relative);
                assertThat(relative).isNotEmptyFile();
            } finally {
                Files.deleteIfExists(relative);
            }
        }
    }
}
