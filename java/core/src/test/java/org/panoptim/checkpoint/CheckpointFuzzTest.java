package org.panoptim.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.panoptim.Snapshot;
import org.panoptim.seeded.Draw;
import org.panoptim.seeded.SeededCases;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.logging.Logger;

/**
 * Loads checkpoints that were damaged in every way. Each is either refused with an {@link
 * IOException} and changes nothing, or is taken whole.
 */
class CheckpointFuzzTest {

    private static final int PREFIX = 8;

    /** Warns of files without checksums. */
    private static final Logger LOGGER = Logger.getLogger("org.panoptim");

    private static Path file;
    private static byte[] good;
    private static CheckpointModel model;

    @BeforeAll
    static void save() throws IOException {
        file = Files.createTempFile("checkpoint", ".safetensors");
        model = CheckpointModel.trained(5);
        model.optimizer.save(file);
        // Checksums would find all of the damage before anything else could.
        good = new EditedCheckpoint(file).withoutChecksums().bytes();
        LOGGER.setUseParentHandlers(false);
    }

    @AfterAll
    static void delete() throws IOException {
        model.close();
        Files.delete(file);
        LOGGER.setUseParentHandlers(true);
    }

    /** Replaces some bytes at a place (a share of the whole) by others. */
    record Cut(double place, int length, byte[] by) {

        byte[] apply(byte[] bytes) {
            int from = (int) (place * bytes.length);
            int to = Math.min(from + length, bytes.length);
            return ByteBuffer.allocate(bytes.length - (to - from) + by.length)
                    .put(bytes, 0, from)
                    .put(by)
                    .put(bytes, to, bytes.length - to)
                    .array();
        }

        @Override
        public String toString() {
            return "Cut[%s, %d, %s]".formatted(place, length, Arrays.toString(by));
        }
    }

    /** Pieces that a header is made of, to reach further than random bytes do. */
    private static final List<String> PIECES =
            List.of(
                    "",
                    "0",
                    "1",
                    "-1",
                    "9",
                    "1e9",
                    "0.5",
                    "null",
                    "true",
                    "false",
                    "\"",
                    "\\\"",
                    "{",
                    "}",
                    "[",
                    "]",
                    ",",
                    ":",
                    "NaN",
                    "Infinity",
                    "\\u0000",
                    "é",
                    " ",
                    "state/",
                    "F64",
                    "\\\"lr\\\":\\\"1\\\"");

    /** Where most of the metadata is, more often. */
    private static final List<String> KEYS =
            List.of("groups", "groups", "groups", "schedule", "schedule", "step", "loss_scale");

    private static List<Cut> cuts(Draw draw) {
        return draw.list(1, 3, CheckpointFuzzTest::cut);
    }

    private static Cut cut(Draw draw) {
        var by = draw.flag() ? draw.bytes(0, 4) : draw.of(PIECES).getBytes(StandardCharsets.UTF_8);
        return new Cut(draw.between(0.0, 1.0), draw.between(0, 12), by);
    }

    @Test
    void damagedFiles() {
        SeededCases.check(
                400, CheckpointFuzzTest::cuts, cuts -> assertTakenOrRefused(apply(cuts, good)));
    }

    @Test
    void damagedHeadersOfTrueLength() {
        int end = PREFIX + (int) ByteBuffer.wrap(good).order(ByteOrder.LITTLE_ENDIAN).getLong();
        var wholeHeader = Arrays.copyOfRange(good, PREFIX, end);
        SeededCases.check(
                400,
                CheckpointFuzzTest::cuts,
                cuts -> {
                    var header = apply(cuts, wholeHeader);
                    assertTakenOrRefused(
                            ByteBuffer.allocate(PREFIX + header.length + good.length - end)
                                    .order(ByteOrder.LITTLE_ENDIAN)
                                    .putLong(header.length)
                                    .put(header)
                                    .put(good, end, good.length - end)
                                    .array());
                });
    }

    private record DamagedEntry(String key, List<Cut> cuts) {}

    @Test
    void damagedMetadata() {
        SeededCases.check(
                400,
                draw -> new DamagedEntry(draw.of(KEYS), cuts(draw)),
                damage -> {
                    Files.write(file, good);
                    var edited =
                            new EditedCheckpoint(file)
                                    .metadata(
                                            damage.key(),
                                            text ->
                                                    new String(
                                                            apply(
                                                                    damage.cuts(),
                                                                    text.getBytes(
                                                                            StandardCharsets
                                                                                    .UTF_8)),
                                                            StandardCharsets.UTF_8));
                    assertTakenOrRefused(edited.bytes());
                });
    }

    private static byte[] apply(List<Cut> cuts, byte[] bytes) {
        var result = bytes;
        for (var cut : cuts) {
            result = cut.apply(result);
        }
        return result;
    }

    private static void assertTakenOrRefused(byte[] bytes) throws IOException {
        var before = Snapshot.of(model.optimizer);
        var schedule = model.schedule.state();
        Files.write(file, bytes);
        try {
            model.optimizer.load(file);
            // What was taken can be saved and taken again.
            var taken = Snapshot.of(model.optimizer);
            model.optimizer.save(file);
            model.optimizer.load(file);
            assertThat(Snapshot.of(model.optimizer)).isEqualTo(taken);
            Files.write(file, good);
            model.optimizer.load(file);
        } catch (IOException e) {
            assertThat(e).hasMessageContaining(file.toString());
            assertThat(Snapshot.of(model.optimizer)).isEqualTo(before);
            assertThat(model.schedule.state()).isEqualTo(schedule);
        }
    }
}
