package org.panoptim.monitor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.gson.JsonParser;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import java.io.IOException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.OptionalDouble;

class JsonLinesTest {

    private static final Observation FIRST =
            new Observation(1).with("learning_rate/all", 1e-4).with("loss", 0.1);

    private static final Observation SECOND = new Observation(2).with("validation", 1 / 3.0);

    @TempDir Path folder;

    @Test
    void eachObservationIsALineAsSoonAsItIsWritten() throws IOException {
        var file = folder.resolve("log.jsonl");
        try (var monitor = Monitors.jsonLines(file)) {
            monitor.write(FIRST);
            assertThat(file).hasContent("{\"step\":1,\"learning_rate/all\":1.0E-4,\"loss\":0.1}\n");
            monitor.write(SECOND);
        }
        assertThat(Files.readString(file))
                .isEqualTo(
                        """
                        {"step":1,"learning_rate/all":1.0E-4,"loss":0.1}
                        {"step":2,"validation":0.3333333333333333}
                        """);
    }

    @Test
    void numbersThatJsonHasNotAreStrings() throws IOException {
        var file = folder.resolve("log.jsonl");
        try (var monitor = Monitors.jsonLines(file)) {
            monitor.write(
                    new Observation(1)
                            .with("a", Double.NaN)
                            .with("b", Double.POSITIVE_INFINITY)
                            .with("c", Double.NEGATIVE_INFINITY)
                            .with("d", -0.0));
        }
        assertThat(file)
                .hasContent(
                        "{\"step\":1,\"a\":\"NaN\",\"b\":\"Infinity\",\"c\":\"-Infinity\",\"d\":-0.0}\n");
    }

    @Test
    void anyNameAndAnyNumberAreReadBack() throws IOException {
        var file = folder.resolve("log.jsonl");
        var name = "learning_rate/\"é€😀\\ \u2028";
        try (var monitor = Monitors.jsonLines(file)) {
            monitor.write(
                    new Observation(Long.MAX_VALUE)
                            .with(name, Double.MIN_VALUE)
                            .with("large", Double.MAX_VALUE));
        }
        var read = JsonParser.parseString(Files.readString(file)).getAsJsonObject();
        assertThat(read.get("step").getAsLong()).isEqualTo(Long.MAX_VALUE);
        assertThat(read.get(name).getAsDouble()).isEqualTo(Double.MIN_VALUE);
        assertThat(read.get("large").getAsDouble()).isEqualTo(Double.MAX_VALUE);
    }

    @Test
    void aFileGoesOnAndLosesTheLineInWhichAProcessWasKilled() throws IOException {
        var file =
                Files.writeString(
                        folder.resolve("log.jsonl"), "{\"step\":1,\"a\":1.0}\n{\"step\":2,\"a");
        try (var monitor = Monitors.jsonLines(file)) {
            monitor.write(SECOND);
        }
        assertThat(Files.readString(file))
                .isEqualTo(
                        """
                        {"step":1,"a":1.0}
                        {"step":2,"validation":0.3333333333333333}
                        """);
    }

    @Test
    void aFileOfSomethingElseIsRefusedAndStaysAsItIs() throws IOException {
        var file = Files.writeString(folder.resolve("log.jsonl"), "{\"loss\":1}\nrest");
        assertThatThrownBy(() -> Monitors.jsonLines(file))
                .isInstanceOf(FileSystemException.class)
                .hasMessage(
                        file
                                + ": holds something else than observations, so nothing is added to"
                                + " it; it begins with '{\"loss\":1}'");
        assertThat(file).hasContent("{\"loss\":1}\nrest");
        // The one that was refused has let go of the file.
        Files.writeString(file, "");
        Monitors.jsonLines(file).close();
    }

    @Test
    void aFileThatAProcessWasKilledInTheFirstLineOfBeginsAnew() throws IOException {
        var line = "{\"step\":12,\"a\":1.0";
        for (int length = 1; length <= line.length(); length++) {
            var file = Files.writeString(folder.resolve("log.jsonl"), line.substring(0, length));
            try (var monitor = Monitors.jsonLines(file)) {
                monitor.write(SECOND);
            }
            assertThat(file).hasContent("{\"step\":2,\"validation\":0.3333333333333333}\n");
        }
    }

    @Test
    void aFirstLineWithoutAnEndThatMayBeSomebodyElsesIsRefusedAndStaysAsItIs() throws IOException {
        for (var text :
                List.of(
                        "{\"step\":1,\"a\":1.0}",
                        "{\"step\": 1",
                        "{\"step\":x",
                        "{\"steps\":1",
                        "text")) {
            var file = Files.writeString(folder.resolve("log.jsonl"), text);
            assertThatThrownBy(() -> Monitors.jsonLines(file))
                    .isInstanceOf(FileSystemException.class)
                    .hasMessage(
                            file
                                    + ": holds something else than observations, so nothing is"
                                    + " added to it; it begins with a line that has no end");
            assertThat(file).hasContent(text);
        }
    }

    @Test
    void whatIsAbsentIsNoMember() throws IOException {
        var file = folder.resolve("log.jsonl");
        try (var monitor = Monitors.jsonLines(file)) {
            monitor.write(
                    new Observation(1).with("a", OptionalDouble.empty()).with("b", Double.NaN));
        }
        assertThat(file).hasContent("{\"step\":1,\"b\":\"NaN\"}\n");
    }

    @Test
    void aLongFirstLineIsShownInPart() throws IOException {
        var file = Files.writeString(folder.resolve("log.jsonl"), "x\t" + "y".repeat(78) + "\n");
        assertThatThrownBy(() -> Monitors.jsonLines(file))
                .hasMessageEndingWith("it begins with 'x?" + "y".repeat(78) + "'");
        Files.writeString(file, "x\t" + "y".repeat(79) + "\n");
        assertThatThrownBy(() -> Monitors.jsonLines(file))
                .hasMessageEndingWith("it begins with 'x?" + "y".repeat(78) + "…'");
    }

    @Test
    void aClosedMonitorTakesNothing() throws IOException {
        var file = folder.resolve("log.jsonl");
        var monitor = Monitors.jsonLines(file);
        monitor.close();
        monitor.close();
        assertThatThrownBy(() -> monitor.write(FIRST))
                .isInstanceOf(IllegalStateException.class)
                .hasMessage(file + " is closed");
        assertThat(file).isEmptyFile();
    }
}
