package org.panoptim.cli.run;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.panoptim.cli.page.Samples;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.LocalDateTime;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.SequencedMap;

class RunFolderTest {

    private static <V> SequencedMap<String, V> map(String name, V value) {
        var map = new LinkedHashMap<String, V>();
        map.put(name, value);
        return map;
    }

    private static RunRecord record() {
        var columns = new LinkedHashMap<String, double[]>();
        columns.put("step", new double[] {0, 9007199254740993.0});
        columns.put("loss", new double[] {Math.PI, Double.NaN});
        var run =
                new Run(
                        Long.MIN_VALUE,
                        Run.End.DIVERGED,
                        "diverged at epoch 1.0",
                        map("final_loss", Double.NEGATIVE_INFINITY),
                        List.of(new Samples(columns)));
        return RunRecord.of(
                "classifier",
                LocalDateTime.of(2026, 1, 31, 10, 15, 9, 123),
                new RunRecord.Origin("1", "./panoptim <&>", "a \"backend\"", "x", "y", "z"),
                map("seed", "1"),
                List.of(Contender.of("sgd, \"odd\"", true, map("lr", "0.1"), List.of(run))));
    }

    @Test
    void whatIsReadIsWhatWasWrittenInEveryBit(@TempDir Path folder) throws IOException {
        new RunFolder(folder).write(record());

        assertThat(RunFolder.read(folder))
                .usingRecursiveComparison()
                .withEqualsForType((a, b) -> Double.compare(a, b) == 0, Double.class)
                .isEqualTo(record());
    }

    @Test
    void theTableQuotesNamesAndWritesWhatIsNoNumber(@TempDir Path folder) throws IOException {
        new RunFolder(folder).write(record());

        assertThat(Files.readString(folder.resolve("metrics.csv")))
                .isEqualTo(
                        """
                        optimizer,seed,step,loss
                        "sgd, ""odd""\",-9223372036854775808,0,3.141592653589793
                        "sgd, ""odd""\",-9223372036854775808,9007199254740992,NaN
                        """);
    }

    @Test
    void anEmptyFolderGoesAndAFullOneStays(@TempDir Path folder) throws IOException {
        var empty = RunFolder.at(folder.resolve("empty"));
        var full = RunFolder.at(folder.resolve("full"));
        full.write(record());
        empty.removeIfEmpty();
        full.removeIfEmpty();

        assertThat(empty.path()).doesNotExist();
        assertThat(full.path()).isDirectoryContaining("glob:**run.json");
    }
}
