package org.panoptim;

import static org.assertj.core.api.Assertions.assertThat;

import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.lifecycle.AfterContainer;
import net.jqwik.api.lifecycle.BeforeContainer;

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

    @BeforeContainer
    static void save() throws IOException {
        file = Files.createTempFile("checkpoint", ".safetensors");
        model = CheckpointModel.trained(5);
        model.optimizer.save(file);
        // Checksums would find all of the damage before anything else could.
        good = new EditedCheckpoint(file).withoutChecksums().bytes();
        LOGGER.setUseParentHandlers(false);
    }

    @AfterContainer
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

    @Provide
    Arbitrary<List<Cut>> cuts() {
        var places = Arbitraries.doubles().between(0, 1);
        var lengths = Arbitraries.integers().between(0, 12);
        var bytes = Arbitraries.bytes().array(byte[].class).ofMaxSize(4);
        var pieces = Arbitraries.of(PIECES).map(piece -> piece.getBytes(StandardCharsets.UTF_8));
        return Combinators.combine(places, lengths, Arbitraries.oneOf(bytes, pieces))
                .as(Cut::new)
                .list()
                .ofMinSize(1)
                .ofMaxSize(3);
    }

    @Property(tries = 300)
    void damagedFiles(@ForAll("cuts") List<Cut> cuts) throws IOException {
        assertTakenOrRefused(apply(cuts, good));
    }

    @Property(tries = 300)
    void damagedHeadersOfTrueLength(@ForAll("cuts") List<Cut> cuts) throws IOException {
        int end = PREFIX + (int) ByteBuffer.wrap(good).order(ByteOrder.LITTLE_ENDIAN).getLong();
        var header = apply(cuts, Arrays.copyOfRange(good, PREFIX, end));
        assertTakenOrRefused(
                ByteBuffer.allocate(PREFIX + header.length + good.length - end)
                        .order(ByteOrder.LITTLE_ENDIAN)
                        .putLong(header.length)
                        .put(header)
                        .put(good, end, good.length - end)
                        .array());
    }

    @Property(tries = 300)
    void damagedMetadata(@ForAll("cuts") List<Cut> cuts, @ForAll("keys") String key)
            throws IOException {
        Files.write(file, good);
        var edited =
                new EditedCheckpoint(file)
                        .metadata(
                                key,
                                text ->
                                        new String(
                                                apply(cuts, text.getBytes(StandardCharsets.UTF_8)),
                                                StandardCharsets.UTF_8));
        assertTakenOrRefused(edited.bytes());
    }

    @Provide
    Arbitrary<String> keys() {
        return Arbitraries.of(
                "groups", "groups", "groups", "schedule", "schedule", "step", "loss_scale");
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
