package org.panoptim.monitor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import java.io.IOException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;

class CsvTest {

    @TempDir Path folder;

    private static Observation observation(long step) {
        return new Observation(step, new LinkedHashMap<>());
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
    void namesThatAreNoColumnsAreRefusedAndTheFileGoesOn() throws IOException {
        var file = folder.resolve("log.csv");
        try (var monitor = Monitors.csv(file)) {
            monitor.write(observation(1).with("loss", 0.5).with("rate", 1));
            assertThatThrownBy(
                            () ->
                                    monitor.write(
                                            observation(2)
                                                    .with("loss", 0.5)
                                                    .with("gradient_norm", 1)
                                                    .with("update_norm", 1)))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessage(
                            file
                                    + " has no column for 'gradient_norm', 'update_norm'; its"
                                    + " columns, which the first observation fixed, are step, loss,"
                                    + " rate");
            monitor.write(observation(3).with("loss", 0.25));
        }
        assertThat(Files.readString(file)).isEqualTo("step,loss,rate\n1,0.5,1.0\n3,0.25,\n");
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
    void aFileWithOtherColumnsIsRefusedBeforeAnythingIsWritten() throws IOException {
        var file = Files.writeString(folder.resolve("log.csv"), "step,loss\n1,0.5\n");
        try (var monitor = Monitors.csv(file)) {
            assertThatThrownBy(() -> monitor.write(observation(2).with("accuracy", 0.5)))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessage(
                            file
                                    + " has no column for 'accuracy'; its columns, which the first"
                                    + " observation fixed, are step, loss");
        }
        assertThat(Files.readString(file)).isEqualTo("step,loss\n1,0.5\n");
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
