package org.panoptim.monitor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;
import static org.panoptim.parameter.Tensors.gradient;
import static org.panoptim.parameter.Tensors.vector;

import static java.nio.charset.StandardCharsets.UTF_8;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.panoptim.Optimizer;
import org.panoptim.backend.Backend;
import org.panoptim.logging.Logged;
import org.panoptim.rule.LAMB;
import org.panoptim.step.NonFinitePolicy;

import java.io.IOException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.OptionalDouble;

class CsvTest {

    @TempDir Path folder;

    private static Observation observation(long step) {
        return new Observation(step);
    }

    @Test
    void theFirstObservationFixesTheColumns() throws IOException {
        var file = folder.resolve("log.csv");
        try (var monitor = Monitors.csv(file)) {
            assertThat(file).isEmptyFile();
            monitor.write(observation(1).with("loss", 0.1).with("rate", 1e-4));
            assertThat(Files.readString(file)).isEqualTo("step,loss,rate\n1,0.1,1.0E-4\n");
            monitor.write(observation(2).with("rate", 1 / 3.0).with("loss", Double.NaN));
            monitor.write(observation(3).with("rate", Double.NEGATIVE_INFINITY));
            monitor.write(observation(4));
        }
        assertThat(Files.readString(file))
                .isEqualTo(
                        """
                        step,loss,rate
                        1,0.1,1.0E-4
                        2,NaN,0.3333333333333333
                        3,,-Infinity
                        4,,
                        """);
    }

    @Test
    void namesThatComeLaterAreLeftOutWithOneWarningAndTheRunGoesOn() throws IOException {
        var file = folder.resolve("log.csv");
        var warnings =
                Logged.warnings(
                        () -> {
                            try (var monitor = Monitors.csv(file)) {
                                monitor.write(observation(1).with("loss", 0.5).with("rate", 1));
                                monitor.write(observation(2).with("loss", 0.5).with("d/new", 1));
                                monitor.write(observation(3).with("d/new", 1).with("loss", 0.25));
                                monitor.write(observation(4).with("later", 1));
                            }
                        });
        assertThat(Files.readString(file))
                .isEqualTo("step,loss,rate\n1,0.5,1.0\n2,0.5,\n3,0.25,\n4,,\n");
        assertThat(warnings)
                .containsExactly(
                        file
                                + " has no column for 'd/new', which stays out: the columns are the"
                                + " names of the first observation",
                        file
                                + " has no column for 'later', which stays out: the columns are the"
                                + " names of the first observation");
    }

    @Test
    void aWarningNamesTenAndCountsTheOthers() throws IOException {
        var file = folder.resolve("log.csv");
        var warnings =
                Logged.warnings(
                        () -> {
                            try (var monitor = Monitors.csv(file)) {
                                monitor.write(observation(1));
                                var many = observation(2);
                                for (int i = 0; i < 12; i++) {
                                    many = many.with("n" + i, i);
                                }
                                monitor.write(many);
                            }
                        });
        assertThat(warnings)
                .singleElement()
                .asString()
                .contains("'n0', 'n1',", "'n9' and 2 more")
                .doesNotContain("n10");
    }

    @Test
    void whatIsAbsentIsAnEmptyCellAndWhatIsNotANumberIsNaN() throws IOException {
        var file = folder.resolve("log.csv");
        try (var monitor = Monitors.csv(file)) {
            monitor.write(observation(1).with("a", OptionalDouble.empty()).with("b", Double.NaN));
            monitor.write(observation(2).with("a", 3).with("b", OptionalDouble.empty()));
        }
        assertThat(Files.readString(file)).isEqualTo("step,a,b\n1,,NaN\n2,3.0,\n");
    }

    /**
     * The loop of docs/monitoring.md with statistics now and then, frozen groups and a step that is
     * refused.
     */
    @Test
    void anOptimizerThatTakesStatisticsNowAndThenHasTheSameColumnsThroughout() throws IOException {
        var file = folder.resolve("log.csv");
        var a = gradient(vector("a", 1, 2), 3, 4);
        var warnings =
                Logged.warnings(
                        () -> {
                            try (var backend = Backend.named("reference");
                                    var optimizer =
                                            Optimizer.builder(LAMB.withLearningRate(0.5))
                                                    .group("all", List.of(a))
                                                    .statisticsEvery(3)
                                                    .nonFinite(NonFinitePolicy.SKIP)
                                                    .backend(backend)
                                                    .build();
                                    var monitor = Monitors.csv(file)) {
                                monitor.write(Observation.ofParameters(optimizer.report()));
                                for (int step = 1; step < 5; step++) {
                                    gradient(a, step == 4 ? Float.NaN : step, 1);
                                    optimizer.step();
                                    monitor.write(Observation.ofParameters(optimizer.report()));
                                }
                            }
                        });
        assertThat(warnings).isEmpty();
        var lines =
                Files.readAllLines(file).stream()
                        .map(line -> List.of(line.split(",", -1)))
                        .toList();
        int ratio = lines.getFirst().indexOf("parameter_trust_ratio/a");
        int accepted = lines.getFirst().indexOf("accepted");
        assertThat(lines.subList(1, 6))
                .extracting(line -> !line.get(ratio).isEmpty())
                .containsExactly(false, false, false, true, false);
        assertThat(lines.subList(1, 6))
                .extracting(line -> line.get(accepted))
                .containsExactly("0.0", "1.0", "1.0", "1.0", "0.0");
    }

    /** Twice as many columns take twice as long: here a tenth of a second, by squares minutes. */
    @Test
    void aTableMayBeWide() throws IOException {
        var values = new LinkedHashMap<String, OptionalDouble>();
        for (int i = 0; i < 200_000; i++) {
            values.put("parameter_gradient_norm/layer." + i + ".weight", OptionalDouble.of(i));
        }
        var file = folder.resolve("log.csv");
        assertTimeoutPreemptively(
                Duration.ofSeconds(20),
                () -> {
                    try (var monitor = Monitors.csv(file)) {
                        monitor.write(new Observation(1, values));
                        monitor.write(new Observation(2, values));
                    }
                });
        assertThat(Files.readAllLines(file)).hasSize(3);
    }

    @Test
    void aFileThatAProcessWasKilledInTheFirstLineOfBeginsAnew() throws IOException {
        var whole = "step,loss,é\n";
        var bytes = whole.getBytes(UTF_8);
        for (int length = 1; length < bytes.length; length++) {
            var file = Files.write(folder.resolve("log.csv"), Arrays.copyOf(bytes, length));
            try (var monitor = Monitors.csv(file)) {
                monitor.write(observation(1).with("loss", 0.5).with("é", 1));
                monitor.write(observation(2).with("loss", 0.25).with("é", 2));
            }
            assertThat(Files.readString(file)).isEqualTo(whole + "1,0.5,1.0\n2,0.25,2.0\n");
        }
    }

    @Test
    void aFirstLineWithoutAnEndThatCannotBeOursIsRefusedAndStaysAsItIs() throws IOException {
        for (var text : List.of("x", "steps", "stepper,a")) {
            var file = Files.writeString(folder.resolve("log.csv"), text);
            assertThatThrownBy(() -> Monitors.csv(file))
                    .isInstanceOf(FileSystemException.class)
                    .hasMessageEndingWith("it begins with a line that has no end");
            assertThat(file).hasContent(text);
        }
        var file = Files.writeString(folder.resolve("log.csv"), "step,accuracy");
        try (var monitor = Monitors.csv(file)) {
            assertThatThrownBy(() -> monitor.write(observation(1).with("loss", 1)))
                    .isInstanceOf(FileSystemException.class)
                    .hasMessageEndingWith("it begins with a line that has no end");
        }
        assertThat(file).hasContent("step,accuracy");
    }

    @Test
    void aFileGoesOnWithItsColumnsAndLosesTheLineInWhichAProcessWasKilled() throws IOException {
        var file = Files.writeString(folder.resolve("log.csv"), "step,loss,rate\n1,0.5,1.0\n2,0.");
        try (var monitor = Monitors.csv(file)) {
            monitor.write(observation(2).with("rate", 1).with("loss", 0.5));
        }
        assertThat(Files.readString(file)).isEqualTo("step,loss,rate\n1,0.5,1.0\n2,0.5,1.0\n");
    }

    @Test
    void aFileOfSomethingElseIsRefusedAndStaysAsItIs() throws IOException {
        var text = "epoch,step\n1,2\n3";
        var file = Files.writeString(folder.resolve("log.csv"), text);
        assertThatThrownBy(() -> Monitors.csv(file))
                .isInstanceOf(FileSystemException.class)
                .hasMessage(
                        file
                                + ": holds something else than observations, so nothing is added to"
                                + " it; it begins with 'epoch,step'");
        assertThat(Files.readString(file)).isEqualTo(text);
    }

    @Test
    void namesWithCommasAndQuotesAreQuotedAndRecognized() throws IOException {
        var file = folder.resolve("log.csv");
        var observation = observation(1).with("a,b", 1).with("c\"d\"", 2).with("e", 3);
        for (int run = 0; run < 2; run++) {
            try (var monitor = Monitors.csv(file)) {
                monitor.write(observation);
            }
        }
        assertThat(Files.readString(file))
                .isEqualTo("step,\"a,b\",\"c\"\"d\"\"\",e\n1,1.0,2.0,3.0\n1,1.0,2.0,3.0\n");
    }

    @Test
    void aFileThatAnEditorHasSavedWithOtherLineEndsIsRecognized() throws IOException {
        var file = Files.writeString(folder.resolve("log.csv"), "step,loss\r\n1,0.5\r\n");
        try (var monitor = Monitors.csv(file)) {
            monitor.write(observation(2).with("loss", 0.25));
        }
        assertThat(Files.readString(file)).isEqualTo("step,loss\r\n1,0.5\r\n2,0.25\n");
    }
}
