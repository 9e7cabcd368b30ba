package org.panoptim.safetensors;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import static java.nio.charset.StandardCharsets.UTF_8;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.panoptim.tensor.DType;

import java.io.File;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.function.IntFunction;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** Opens files with large headers in a process that has four times their length of heap. */
class HeaderMemoryTest {

    private static final int HEADER = 24_000_000;

    /** Some more than the strings of which a short header may have as many as it likes. */
    private static final int STRINGS = 126_000;

    @TempDir Path folder;

    private Path file() {
        return folder.resolve("file.safetensors");
    }

    /** Writes a header that is filled up with entries; returns how many there are. */
    private int write(String begin, IntFunction<String> entry, String end) throws IOException {
        var header = new StringBuilder(HEADER).append(begin);
        int count = 0;
        while (header.length() < HEADER - 200) {
            header.append(count == 0 ? "" : ",").append(entry.apply(count++));
        }
        header.append(end);
        Files.write(file(), RawFile.of(header.toString(), 0));
        return count;
    }

    private static String name(int number) {
        return Integer.toString(number, Character.MAX_RADIX);
    }

    private List<String> open() throws Exception {
        var classPath =
                Stream.of(
                                SafetensorsReader.class,
                                HeaderMemoryTest.class,
                                com.google.gson.stream.JsonReader.class)
                        .map(each -> each.getProtectionDomain().getCodeSource().getLocation())
                        .map(each -> Path.of(each.getPath()).toString())
                        .collect(Collectors.joining(File.pathSeparator));
        var process =
                new ProcessBuilder(
                                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                                "-Xmx" + 4 * HEADER,
                                "-cp",
                                classPath,
                                Opener.class.getName(),
                                file().toString())
                        .redirectErrorStream(true)
                        .start();
        return process.inputReader(UTF_8).lines().toList();
    }

    /** The program that opens the file. */
    static final class Opener {

        private Opener() {}

        public static void main(String[] arguments) throws IOException {
            try (var reader = SafetensorsReader.open(Path.of(arguments[0]))) {
                System.out.println(reader.metadata().size() + " " + reader.tensors().size());
            } catch (SafetensorsException e) {
                System.out.println(e.getMessage());
            }
        }
    }

    @Test
    void aMapOfVeryManyVeryShortStringsIsRefused() throws Exception {
        write("{\"__metadata__\":{", i -> "\"" + name(i) + "\":\"\"", "}}");
        assertThat(open())
                .singleElement()
                .asString()
                .startsWith(
                        file()
                                + ": header: expected strings that take at most "
                                + ((16 << 20) + 2 * (Files.size(file()) - 8))
                                + " bytes of memory, found more among the first ")
                .endsWith(": they are too many and too short");
    }

    @Test
    void soAreVeryManyChecksumsOfTensorsWithShortNames() throws Exception {
        write("{\"__metadata__\":{", i -> "\"crc32c/" + name(i) + "\":\"00000000\"", "}}");
        assertThat(open())
                .singleElement()
                .asString()
                .contains(": header: expected strings that take at most ");
    }

    @Test
    void asManyTensorsAsFitAreRead() throws Exception {
        int count = write("{", i -> RawFile.tensor(name(i), "U8", "[0]", "[0,0]"), "}");
        assertThat(count).isGreaterThan(400_000);
        assertThat(open()).containsExactly("0 " + count);
    }

    @Test
    void longStringsAreRead() throws Exception {
        int count =
                write(
                        "{\"__metadata__\":{",
                        i -> "\"" + name(i) + "\":\"" + "x".repeat(1000) + "\"",
                        "}}");
        assertThat(open()).containsExactly(count + " 0");
    }

    @Test
    void theWriterRefusesWhatTheReaderWould() throws IOException {
        var writer = new SafetensorsWriter().checksums();
        for (int i = 0; i < 200_000; i++) {
            writer.metadata(name(i), "");
        }
        assertThatThrownBy(() -> writer.write(file()))
                .isInstanceOf(IllegalStateException.class)
                .hasMessageStartingWith("header: expected strings that take at most ")
                .hasMessageContaining("got more in 200000 strings");
        assertThat(file()).doesNotExist();
    }

    @Test
    void whatTheWriterJustTakesTheReaderTakesAndChecksumsCountLikeOtherStrings()
            throws IOException {
        int fill = leastFill(false);
        writer(fill).write(file());
        try (var reader = SafetensorsReader.open(file())) {
            assertThat(reader.metadata()).hasSize(STRINGS + 1);
        }
        assertTooMany(writer(fill).checksums());
        int sealedFill = leastFill(true);
        assertThat(sealedFill).isGreaterThan(fill);
        writer(sealedFill).checksums().write(file());
        SafetensorsReader.open(file()).close();
        var withTensors = writer(sealedFill).checksums();
        for (int i = 0; i < 10; i++) {
            withTensors.tensor(Integer.toString(i), DType.U8, List.of(0L), (_, _) -> {});
        }
        assertTooMany(withTensors);
    }

    /** A few more strings than fit, and one that raises the limit by a byte for each letter. */
    private static SafetensorsWriter writer(int fill) {
        var writer = new SafetensorsWriter().metadata("fill", "x".repeat(fill));
        for (int i = 0; i < STRINGS; i++) {
            writer.metadata(name(1_000_000 + i), "");
        }
        return writer;
    }

    private int leastFill(boolean checksums) {
        int refused = 0;
        int taken = 1 << 20;
        while (taken - refused > 1) {
            int middle = (refused + taken) / 2;
            var writer = writer(middle);
            try {
                (checksums ? writer.checksums() : writer).write(file());
                taken = middle;
            } catch (IllegalStateException _) {
                refused = middle;
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }
        return taken;
    }

    private void assertTooMany(SafetensorsWriter writer) {
        assertThatThrownBy(() -> writer.write(file()))
                .isInstanceOf(IllegalStateException.class)
                .hasMessageStartingWith("header: expected strings that take at most ");
    }

    @Test
    void aHundredThousandStringsAndTensorsAreWrittenAndRead() throws IOException {
        var writer = new SafetensorsWriter().checksums();
        for (int i = 0; i < 100_000; i++) {
            writer.tensor(name(i), DType.U8, List.of(0L), (_, _) -> {});
            writer.metadata(name(i), "");
        }
        writer.write(file());
        try (var reader = SafetensorsReader.open(file())) {
            assertThat(reader.metadata()).hasSize(100_000);
            assertThat(reader.tensors()).hasSize(100_000);
        }
    }
}
