package org.panoptim.io;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assumptions.assumeThat;

import static java.nio.charset.StandardCharsets.UTF_8;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.DisabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

import java.io.File;
import java.io.IOException;
import java.nio.file.FileSystemException;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import java.util.stream.Stream;

class AppendedFileTest {

    @TempDir Path folder;

    private static byte[] bytes(String text) {
        return text.getBytes(UTF_8);
    }

    @Test
    void recordsAreThereAsSoonAsTheyAreAdded() throws IOException {
        var path = folder.resolve("file");
        try (var file = AppendedFile.open(path)) {
            assertThat(path).isEmptyFile();
            file.append(bytes("one\n"));
            assertThat(path).hasContent("one\n");
            file.append(bytes("two\n"));
            assertThat(path).hasContent("one\ntwo\n");
        }
    }

    @Test
    void aFileThatExistsIsAddedTo() throws IOException {
        var path = Files.writeString(folder.resolve("file"), "old\n");
        try (var file = AppendedFile.open(path)) {
            assertThat(file.size()).isEqualTo(4);
            file.append(bytes("new\n"));
        }
        assertThat(path).hasContent("old\nnew\n");
    }

    @Test
    void aFileIsMadeOnlyWhereThereIsNone() throws IOException {
        var path = folder.resolve("file");
        try (var file = AppendedFile.create(path).orElseThrow()) {
            file.append(bytes("old\n"));
        }
        assertThat(AppendedFile.create(path)).isEmpty();
        assertThat(path).hasContent("old\n");
    }

    @Test
    void theFirstLineIsReadUpToALimit() throws IOException {
        var line = "é".repeat(5000);
        var path = Files.writeString(folder.resolve("file"), line + "\nsecond");
        try (var file = AppendedFile.open(path)) {
            assertThat(file.firstLine(10_000))
                    .hasValueSatisfying(it -> assertThat(it).isEqualTo(bytes(line)));
            assertThat(file.firstLine(9_999)).isEmpty();
        }
    }

    @Test
    void aFirstLineOfTheLargestLengthIsRead() throws IOException {
        int blocks = 2 * 4096;
        var path = Files.writeString(folder.resolve("file"), "x".repeat(blocks) + "\n");
        try (var file = AppendedFile.open(path)) {
            assertThat(file.firstLine(blocks).orElseThrow()).hasSize(blocks);
        }
    }

    @Test
    void aFileWithoutALinesEndHasNoFirstLine() throws IOException {
        var path = Files.writeString(folder.resolve("file"), "text");
        try (var file = AppendedFile.open(path)) {
            assertThat(file.firstLine(100)).isEmpty();
        }
    }

    @Test
    void anIncompleteLastLineIsCutOffHoweverLongItIs() throws IOException {
        for (int length : new int[] {0, 1, 4095, 4096, 4097, 20_000}) {
            var path =
                    Files.writeString(
                            folder.resolve("file"), "first\nsecond\n" + "x".repeat(length));
            try (var file = AppendedFile.open(path)) {
                file.cutIncompleteLine();
                file.append(bytes("third\n"));
            }
            assertThat(path).hasContent("first\nsecond\nthird\n");
        }
        var path = Files.writeString(folder.resolve("file"), "x".repeat(9000));
        try (var file = AppendedFile.open(path)) {
            file.cutIncompleteLine();
        }
        assertThat(path).isEmptyFile();
    }

    /** A limit of the size of files stands for a full disk: the last record fits in part. */
    @Test
    @DisabledOnOs(value = OS.WINDOWS, disabledReason = "the limit of a file's size is the shell's")
    void ofARecordThatDoesNotFitNothingStays() throws Exception {
        var path = folder.resolve("file");
        var java = Path.of(System.getProperty("java.home"), "bin", "java");
        var classPath =
                Stream.of(AppendedFile.class, FullWriter.class)
                        .map(
                                each ->
                                        each.getProtectionDomain()
                                                .getCodeSource()
                                                .getLocation()
                                                .getPath())
                        .collect(Collectors.joining(File.pathSeparator));
        // Blocks of 1 KiB, or of half as much in some shells.
        var command =
                "ulimit -f 10 && exec \"$0\" -Xshare:auto -XX:-UsePerfData -cp \"$1\" \"$2\""
                        + " \"$3\"";
        var process =
                new ProcessBuilder(
                                "sh",
                                "-c",
                                command,
                                java.toString(),
                                classPath,
                                FullWriter.class.getName(),
                                path.toString())
                        .redirectErrorStream(true)
                        .start();
        var said = new String(process.getInputStream().readAllBytes(), UTF_8);
        assertThat(process.waitFor(60, TimeUnit.SECONDS)).isTrue();
        assertThat(said).isEqualTo(path + ": File too large\n");
        assertThat(Files.readAllLines(path))
                .hasSizeGreaterThan(4)
                .allMatch((FullWriter.LINE.strip())::equals);
        assertThat(Files.size(path) % FullWriter.LINE.length()).isZero();
    }

    @Test
    void anInterruptKeepsNothingFromBeingWrittenAndIsKept() throws IOException {
        var path = folder.resolve("file");
        try (var file = AppendedFile.open(path)) {
            file.append(bytes("one\n"));
            Thread.currentThread().interrupt();
            file.append(bytes("two\n"));
            assertThat(Thread.currentThread().isInterrupted()).isTrue();
            file.cutIncompleteLine();
            assertThat(file.size()).isEqualTo(8);
            assertThat(Thread.interrupted()).isTrue();
            file.append(bytes("three\n"));
            // Others are still kept out.
            assertThatThrownBy(() -> AppendedFile.open(path))
                    .hasMessage(path + ": something else is adding to it");
        } finally {
            Thread.interrupted();
        }
        assertThat(path).hasContent("one\ntwo\nthree\n");
    }

    @Test
    void aFileThatIsOpenedByAnInterruptedThreadIsWrittenTo() throws IOException {
        Thread.currentThread().interrupt();
        try {
            for (var name : List.of("a", "b")) {
                var path = folder.resolve(name);
                try (var file =
                        name.equals("a")
                                ? AppendedFile.open(path)
                                : AppendedFile.create(path).orElseThrow()) {
                    file.append(bytes("text"));
                }
                assertThat(Thread.currentThread().isInterrupted()).isTrue();
            }
        } finally {
            Thread.interrupted();
        }
        assertThat(folder.resolve("a")).hasContent("text");
        assertThat(folder.resolve("b")).hasContent("text");
    }

    @Test
    void aFileWithoutALinesEndIsAnIncompleteLine() throws IOException {
        var path = Files.writeString(folder.resolve("file"), "text");
        try (var file = AppendedFile.open(path)) {
            assertThat(file.onlyIncompleteLine(4).orElseThrow()).isEqualTo(bytes("text"));
            assertThat(file.onlyIncompleteLine(3)).isEmpty();
            file.append(bytes("\n"));
            assertThat(file.onlyIncompleteLine(4)).isEmpty();
        }
    }

    @Test
    void aFileThatIsBeingAddedToIsRefused() throws IOException {
        var path = folder.resolve("file");
        try (var _ = AppendedFile.open(path)) {
            assertThatThrownBy(() -> AppendedFile.open(path))
                    .isInstanceOf(FileSystemException.class)
                    .hasMessage(path + ": something else is adding to it");
        }
        AppendedFile.open(path).close();
    }

    @Test
    void whatCannotBeWrittenToIsNamedWithTheReason() throws IOException {
        assertThatThrownBy(() -> AppendedFile.open(folder))
                .isInstanceOf(FileSystemException.class)
                .hasMessage(folder + ": expected a file, got a folder");
        var nowhere = folder.resolve("none/file");
        for (var open : List.<Opening>of(AppendedFile::open, AppendedFile::create)) {
            assertThatThrownBy(() -> open.of(nowhere))
                    .isInstanceOf(FileSystemException.class)
                    .hasMessage(nowhere + ": no file can be made: its folder does not exist")
                    .hasCauseInstanceOf(NoSuchFileException.class);
        }
    }

    @Test
    void aFileInAnArchiveIsRefused() throws IOException {
        var archive = folder.resolve("archive.zip");
        try (var inside = FileSystems.newFileSystem(archive, Map.of("create", "true"))) {
            var path = inside.getPath("log");
            for (var open : List.<Opening>of(AppendedFile::open, AppendedFile::create)) {
                assertThatThrownBy(() -> open.of(path))
                        .isInstanceOf(FileSystemException.class)
                        .hasMessage("log: is no file of the operating system");
            }
            assertThat(path).doesNotExist();
        }
        assertThat(Path.of("log")).doesNotExist();
    }

    private interface Opening {
        Object of(Path path) throws IOException;
    }

    @Test
    void aClosedFileTakesNothing() throws IOException {
        var path = folder.resolve("file");
        var file = AppendedFile.open(path);
        file.close();
        file.close();
        assertThatThrownBy(() -> file.append(bytes("text")))
                .isInstanceOf(IllegalStateException.class)
                .hasMessage(path + " is closed");
    }

    @Test
    void aPipeTakesRecordsAndHasNothingToLookAt() throws Exception {
        var pipe = folder.resolve("pipe");
        assumeThat(new ProcessBuilder("mkfifo", pipe.toString()).start().waitFor()).isZero();
        var read =
                CompletableFuture.supplyAsync(
                        () -> {
                            try {
                                return Files.readString(pipe);
                            } catch (IOException e) {
                                return e.toString();
                            }
                        });
        try (var file = AppendedFile.open(pipe)) {
            assertThat(file.size()).isZero();
            assertThat(file.firstLine(100)).isEmpty();
            file.cutIncompleteLine();
            file.append(bytes("one\n"));
            file.append(bytes("two\n"));
        }
        assertThat(read.get(10, TimeUnit.SECONDS)).isEqualTo("one\ntwo\n");
    }
}
