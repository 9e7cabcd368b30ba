package org.panoptim.io;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assumptions.assumeThat;

import static java.nio.charset.StandardCharsets.UTF_8;

import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.DisabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

import java.io.File;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.WritableByteChannel;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;

@DisabledOnOs(OS.WINDOWS)
class OutputFileTest {

    /** The bits of a mode that tell what kind of file it is. */
    private static final int KIND = 0170000;

    @TempDir Path folder;

    private Path make(String name, String... command) throws Exception {
        var path = folder.resolve(name);
        var words = new ArrayList<>(List.of(command));
        words.add(1, path.toString());
        assumeThat(new ProcessBuilder(words).redirectErrorStream(true).start().waitFor())
                .as("this user may not call %s", words)
                .isZero();
        return path;
    }

    private static int kind(Path path) throws IOException {
        return (int) Files.getAttribute(path, "unix:mode") & KIND;
    }

    private List<String> namesInFolder() throws IOException {
        try (var files = Files.list(folder)) {
            return files.map(each -> each.getFileName().toString()).sorted().toList();
        }
    }

    @Nested
    class Devices {

        @Test
        void aDeviceIsWrittenIntoAndStaysOne() throws Exception {
            var device = make("null", "mknod", "c", "1", "3");
            int before = kind(device);
            OutputFile.check(device);
            OutputFile.writeString(device, "text");
            assertThat(kind(device)).isEqualTo(before);
            assertThat(namesInFolder()).containsExactly("null");
        }

        @Test
        void aLinkToADeviceStaysOneAndTheDeviceToo() throws Exception {
            var device = make("null", "mknod", "c", "1", "3");
            int before = kind(device);
            var link = Files.createSymbolicLink(folder.resolve("link"), device);
            OutputFile.writeString(link, "text");
            assertThat(link).isSymbolicLink();
            assertThat(kind(device)).isEqualTo(before);
        }

        @Test
        void aDeviceThatIsFullIsNamed() throws Exception {
            var device = make("full", "mknod", "c", "1", "7");
            assertThatThrownBy(() -> OutputFile.writeString(device, "text"))
                    .isInstanceOf(FileSystemException.class)
                    .hasMessage(device + ": No space left on device");
        }

        @Test
        void aBlockDeviceIsRefused() throws Exception {
            var device = make("ram", "mknod", "b", "1", "0");
            assertRefused(device);
        }

        @Test
        void aSocketIsRefused() throws Exception {
            var socket = folder.resolve("socket");
            try (var server = ServerSocketChannel.open(StandardProtocolFamily.UNIX)) {
                server.bind(UnixDomainSocketAddress.of(socket));
                assertRefused(socket);
            }
        }

        private void assertRefused(Path path) throws IOException {
            int before = kind(path);
            for (var call :
                    List.<Action>of(OutputFile::check, file -> OutputFile.writeString(file, ""))) {
                assertThatThrownBy(() -> call.on(path))
                        .isInstanceOf(FileSystemException.class)
                        .hasMessage(
                                path
                                        + ": expected a file, a pipe or a character device, got"
                                        + " something else");
            }
            assertThat(kind(path)).isEqualTo(before);
        }
    }

    private interface Action {
        void on(Path path) throws IOException;
    }

    @Nested
    class Pipes {

        private Path pipe;

        @BeforeEach
        void makePipe() throws Exception {
            pipe = make("pipe", "mkfifo");
        }

        @Test
        void aReaderGetsTheBytesAndThePipeStays() throws Exception {
            int before = kind(pipe);
            OutputFile.check(pipe);
            var read =
                    CompletableFuture.supplyAsync(
                            () -> {
                                try {
                                    return Files.readString(pipe);
                                } catch (IOException e) {
                                    return e.toString();
                                }
                            });
            OutputFile.writeString(pipe, "text");
            assertThat(read.get(10, TimeUnit.SECONDS)).isEqualTo("text");
            assertThat(kind(pipe)).isEqualTo(before);
            assertThat(namesInFolder()).containsExactly("pipe");
        }

        @Test
        void aPipeWithoutAReaderIsRefusedAfterAWhile() throws Exception {
            assertThatThrownBy(() -> StreamOpening.open(pipe, Duration.ofMillis(50)))
                    .isInstanceOf(FileSystemException.class)
                    .hasMessageStartingWith(pipe + ": a pipe that nobody has read from");
            for (var thread : Thread.getAllStackTraces().keySet()) {
                if (thread.getName().equals("panoptim-open")) {
                    assertThat(thread.join(Duration.ofSeconds(30))).isTrue();
                }
            }
        }

        @Test
        void anInterruptEndsTheWaiting() throws Exception {
            Thread.currentThread().interrupt();
            assertThatThrownBy(() -> OutputFile.writeString(pipe, "text"))
                    .isInstanceOf(InterruptedIOException.class)
                    .hasMessageStartingWith(pipe.toString());
            assertThat(Thread.interrupted()).isTrue();
        }

        @Test
        void aReaderThatLeavesIsAnError() throws Exception {
            var reader = new ProcessBuilder("head", "-c", "1", pipe.toString()).start();
            assertThatThrownBy(() -> OutputFile.write(pipe, Pipes::writeMoreThanAPipeHolds))
                    .isInstanceOf(FileSystemException.class)
                    .hasMessage(pipe + ": Broken pipe");
            assertThat(reader.waitFor(30, TimeUnit.SECONDS)).isTrue();
        }

        private static void writeMoreThanAPipeHolds(WritableByteChannel channel)
                throws IOException {
            for (int i = 0; i < 100; i++) {
                channel.write(ByteBuffer.allocate(1 << 16));
            }
        }
    }

    @Nested
    class Links {

        @Test
        void theTargetOfADanglingLinkIsMade() throws IOException {
            var elsewhere = Files.createDirectory(folder.resolve("elsewhere"));
            var link = Files.createSymbolicLink(folder.resolve("link"), Path.of("elsewhere/new"));
            OutputFile.check(link);
            assertThat(elsewhere).isEmptyDirectory();
            OutputFile.writeString(link, "text");
            assertThat(link).isSymbolicLink();
            assertThat(elsewhere.resolve("new")).hasContent("text");
        }

        @Test
        void aChainOfLinksIsFollowedToItsEnd() throws IOException {
            Files.createDirectories(folder.resolve("a/b"));
            Files.createSymbolicLink(folder.resolve("a/b/second"), Path.of("../new"));
            var link = Files.createSymbolicLink(folder.resolve("first"), Path.of("a/b/second"));
            OutputFile.writeString(link, "text");
            assertThat(folder.resolve("a/new")).isRegularFile().hasContent("text");
            assertThat(folder.resolve("a/b/second")).isSymbolicLink();
            assertThat(link).isSymbolicLink();
        }

        @Test
        void aLinkIntoAFolderThatIsNotThereIsRefused() throws IOException {
            var link = Files.createSymbolicLink(folder.resolve("link"), Path.of("none/new"));
            assertThatThrownBy(() -> OutputFile.check(link))
                    .isInstanceOf(FileSystemException.class)
                    .hasMessageStartingWith(link + ": is a link into a folder that is not there: ");
            assertThatThrownBy(() -> OutputFile.writeString(link, "text"))
                    .isInstanceOf(FileSystemException.class)
                    .hasMessageContaining("none");
            assertThat(namesInFolder()).containsExactly("link");
        }

        @Test
        void linksThatGoRoundAreRefused() throws IOException {
            var link = Files.createSymbolicLink(folder.resolve("link"), Path.of("other"));
            Files.createSymbolicLink(folder.resolve("other"), Path.of("link"));
            assertThatThrownBy(() -> OutputFile.writeString(link, "text"))
                    .isInstanceOf(FileSystemException.class)
                    .hasMessageContaining(link.toString());
            assertThat(namesInFolder()).containsExactly("link", "other");
        }
    }

    @Nested
    class Temporaries {

        /** Writes a file in another process, which waits in the middle. */
        private static final class OtherWriter implements AutoCloseable {

            private final Process process;

            OtherWriter(Path file) throws IOException {
                process =
                        new ProcessBuilder(
                                        Path.of(System.getProperty("java.home"), "bin", "java")
                                                .toString(),
                                        "-cp",
                                        classPath(),
                                        SlowWriter.class.getName(),
                                        file.toString())
                                .redirectError(ProcessBuilder.Redirect.INHERIT)
                                .start();
                assertThat(process.inputReader(UTF_8).readLine()).isEqualTo("half");
            }

            private static String classPath() {
                return List.of(OutputFile.class, SlowWriter.class).stream()
                        .map(each -> each.getProtectionDomain().getCodeSource().getLocation())
                        .map(each -> Path.of(each.getPath()).toString())
                        .reduce("", (a, b) -> a + File.pathSeparator + b)
                        .substring(1);
            }

            void kill() throws InterruptedException {
                process.destroyForcibly().waitFor();
            }

            int finish() throws Exception {
                process.outputWriter(UTF_8).close();
                return process.waitFor();
            }

            @Override
            public void close() {
                process.destroyForcibly();
            }
        }

        @Test
        void whatAKilledProcessLeavesIsRemovedByTheNextWriteOfThatFile() throws Exception {
            var file = folder.resolve("file");
            var other = folder.resolve("other");
            try (var writer = new OtherWriter(file)) {
                writer.kill();
            }
            assertThat(namesInFolder()).hasSize(1).first().asString().startsWith(".panoptim-");
            OutputFile.writeString(other, "text");
            assertThat(namesInFolder()).hasSize(2);
            OutputFile.writeString(file, "text");
            assertThat(namesInFolder()).containsExactly("file", "other");
        }

        @Test
        void whatAnotherProcessIsWritingStays() throws Exception {
            var file = folder.resolve("file");
            try (var writer = new OtherWriter(file)) {
                OutputFile.writeString(file, "ours");
                assertThat(file).hasContent("ours");
                assertThat(namesInFolder()).hasSize(2);
                assertThat(writer.finish()).isZero();
            }
            assertThat(file).hasContent("first second");
            assertThat(namesInFolder()).containsExactly("file");
        }

        @Test
        void whatThisProcessIsWritingStays() throws IOException {
            var file = folder.resolve("file");
            OutputFile.write(
                    file,
                    channel -> {
                        OutputFile.writeString(file, "inner");
                        channel.write(ByteBuffer.wrap("outer".getBytes(UTF_8)));
                    });
            assertThat(file).hasContent("outer");
            assertThat(namesInFolder()).containsExactly("file");
        }

        @Test
        void aNameOfTheGreatestLengthIsTaken() throws IOException {
            var file = folder.resolve("x".repeat(255));
            OutputFile.writeString(file, "text");
            assertThat(file).hasContent("text");
        }
    }

    @Test
    void aFolderThatTakesNoFilesIsNamed() throws IOException {
        // No file can be made there, not even by root.
        var file = Path.of("/proc/panoptim-test");
        assumeThat(Path.of("/proc/self")).exists();
        assertThatThrownBy(() -> OutputFile.writeString(file, "text"))
                .isInstanceOf(FileSystemException.class)
                .hasMessageStartingWith(file + ": no file can be made in /proc: ");
    }

    @Test
    void textIsWrittenInUtf8() throws IOException {
        var file = folder.resolve("file");
        OutputFile.writeString(file, "é€😀");
        assertThat(file).hasBinaryContent("é€😀".getBytes(UTF_8));
    }
}
