package org.panoptim.monitor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.time.InstantSource;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalDouble;

class EventFileTest {

    private static final InstantSource CLOCK =
            InstantSource.fixed(Instant.ofEpochSecond(1_700_000_000, 250_000_000));

    @TempDir Path folder;

    private static Observation observation(long step) {
        return new Observation(step);
    }

    private List<String> names() throws IOException {
        try (var files = Files.list(folder)) {
            return files.map(each -> each.getFileName().toString()).sorted().toList();
        }
    }

    private byte[] onlyFile() throws IOException {
        return Files.readAllBytes(folder.resolve(names().getFirst()));
    }

    private static Map<Integer, List<Object>> only(List<Object> values) {
        assertThat(values).hasSize(1);
        return EventReader.fields((ByteBuffer) values.getFirst());
    }

    @Test
    void theFileBeginsAsTensorFlowsDo() throws IOException {
        EventFile.create(folder, CLOCK, "host").close();
        var file = onlyFile();
        // The length of the first event, 24, and its checksum: the same in every such file.
        assertThat(HexFormat.of().formatHex(Arrays.copyOf(file, 12)))
                .isEqualTo("1800000000000000a37f4b22");
        var records = EventReader.records(file);
        assertThat(records).hasSize(1);
        var event = EventReader.fields(records.getFirst());
        assertThat(event).containsOnlyKeys(1, 3);
        assertThat(event.get(1)).containsExactly(1_700_000_000.25);
        assertThat(EventReader.text(event.get(3).getFirst())).isEqualTo("brain.Event:2");
    }

    @Test
    void anObservationIsAnEventOfScalars() throws IOException {
        var name = "learning_rate/é€😀" + "x".repeat(200);
        try (var monitor = EventFile.create(folder, CLOCK, "host")) {
            monitor.write(observation(1L << 40).with(name, 1e-4).with("loss", -2.5));
            monitor.write(
                    observation(0)
                            .with("a", Double.NaN)
                            .with("absent", OptionalDouble.empty())
                            .with("b", 1e300)
                            .with("c", Double.NEGATIVE_INFINITY));
        }
        var records = EventReader.records(onlyFile());
        assertThat(records).hasSize(3);

        var event = EventReader.fields(records.get(1));
        assertThat(event).containsOnlyKeys(1, 2, 5);
        assertThat(event.get(1)).containsExactly(1_700_000_000.25);
        assertThat(event.get(2)).containsExactly(1L << 40);
        var values = only(event.get(5));
        assertThat(values).containsOnlyKeys(1);
        assertScalars(values.get(1), Map.of(name, 1e-4f, "loss", -2.5f));

        var second = EventReader.fields(records.get(2));
        assertThat(second.get(2)).containsExactly(0L);
        assertScalars(
                only(second.get(5)).get(1),
                Map.of(
                        "a", Float.NaN,
                        "b", Float.POSITIVE_INFINITY,
                        "c", Float.NEGATIVE_INFINITY));
    }

    private static void assertScalars(List<Object> values, Map<String, Float> expected) {
        var scalars = new LinkedHashMap<String, Object>();
        for (var value : values) {
            var fields = EventReader.fields((ByteBuffer) value);
            assertThat(fields).containsOnlyKeys(1, 2);
            assertThat(fields.get(2)).hasSize(1);
            scalars.put(EventReader.text(fields.get(1).getFirst()), fields.get(2).getFirst());
        }
        assertThat(scalars).isEqualTo(expected);
    }

    @Test
    void eachMonitorMakesAFileOfItsOwn() throws IOException {
        for (int run = 0; run < 3; run++) {
            EventFile.create(folder, CLOCK, "host").close();
        }
        assertThat(names())
                .containsExactly(
                        "events.out.tfevents.1700000000.host",
                        "events.out.tfevents.1700000000.host.1",
                        "events.out.tfevents.1700000000.host.2");
    }

    @Test
    void aHostsNameIsMadePartOfAFilesName() throws IOException {
        EventFile.create(folder, CLOCK, "a/b c.d-e").close();
        assertThat(names()).containsExactly("events.out.tfevents.1700000000.a_b_c.d-e");
    }

    @Test
    void theFolderIsMadeAndWhatIsWrittenIsThereAtOnce() throws IOException {
        folder = folder.resolve("runs/first");
        try (var monitor = Monitors.tensorBoard(folder)) {
            assertThat(names())
                    .hasSize(1)
                    .first()
                    .asString()
                    .matches("events\\.out\\.tfevents\\.\\d{10}\\.[A-Za-z0-9._-]+");
            monitor.write(observation(1).with("loss", 1));
            assertThat(EventReader.records(onlyFile())).hasSize(2);
        }
    }

    @Test
    void aFolderThatIsAFileIsRefused() throws IOException {
        var file = Files.writeString(folder.resolve("file"), "text");
        assertThatThrownBy(() -> Monitors.tensorBoard(file))
                .isInstanceOf(FileSystemException.class)
                .hasMessage(file + ": expected a folder, got a file");
    }
}
