package org.panoptim.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.panoptim.Snapshot;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Random;

/**
 * Loads thousands of files that were changed here and there, as disks, networks and editors do it.
 * Each is refused and changes nothing, or loads with the meaning that it had before the change.
 */
class CheckpointMutationTest {

    private static final int FILES = 6_000;
    private static final int PREFIX = 8;

    private final Random random = new Random(20261128);

    @TempDir private Path folder;

    @Test
    void noChangedFileLoadsWithAnotherMeaning() throws IOException {
        var file = folder.resolve("file.safetensors");
        int refused = 0;
        try (var saved = CheckpointModel.trained(5);
                var model = new CheckpointModel()) {
            saved.optimizer.save(file);
            var good = Files.readAllBytes(file);
            model.optimizer.load(file);
            var meaning = Snapshot.of(model.optimizer);
            var schedule = model.schedule.state();
            // What a refused file must leave alone differs from what it would load.
            model.optimizer.learningRate("matrices", 0.5);
            var before = Snapshot.of(model.optimizer);
            for (int i = 0; i < FILES; i++) {
                var mutated = mutate(good);
                Files.write(file, mutated);
                try {
                    model.optimizer.load(file);
                } catch (IOException e) {
                    assertThat(e).hasMessageContaining(file.toString());
                    refused++;
                    continue;
                }
                assertThat(Snapshot.of(model.optimizer)).as("file %d", i).isEqualTo(meaning);
                assertThat(model.schedule.state()).isEqualTo(schedule);
                model.optimizer.learningRate("matrices", 0.5);
            }
            assertThat(Snapshot.of(model.optimizer)).isEqualTo(before);
        }
        // Only changes that leave every byte as it was can pass.
        assertThat(refused).isGreaterThan(FILES * 9 / 10);
    }

    private byte[] mutate(byte[] good) {
        var bytes = good.clone();
        int changes = 1 + random.nextInt(3);
        for (int i = 0; i < changes; i++) {
            bytes = mutateOnce(bytes);
        }
        return bytes;
    }

    private byte[] mutateOnce(byte[] bytes) {
        int place = random.nextInt(bytes.length);
        int other = random.nextInt(bytes.length);
        int length = 1 + random.nextInt(16);
        switch (random.nextInt(8)) {
            case 0 -> bytes[place] ^= (byte) (1 << random.nextInt(8));
            case 1 -> bytes[place] = (byte) random.nextInt(256);
            case 2 -> {
                return Arrays.copyOf(bytes, Math.max(1, place));
            }
            case 3 -> swap(bytes, place, other, length);
            case 4 -> Arrays.fill(bytes, place, Math.min(place + length, bytes.length), (byte) 0);
            case 5 -> {
                return insertAgain(bytes, place, other, length);
            }
            default -> changeDigit(bytes, place);
        }
        return bytes;
    }

    private static void swap(byte[] bytes, int first, int second, int length) {
        for (int i = 0; i < length && Math.max(first, second) + i < bytes.length; i++) {
            byte kept = bytes[first + i];
            bytes[first + i] = bytes[second + i];
            bytes[second + i] = kept;
        }
    }

    /** Repeats a piece elsewhere, and lets the header's length say so if it is in the header. */
    private byte[] insertAgain(byte[] bytes, int place, int from, int length) {
        int count = Math.min(length, bytes.length - from);
        var longer =
                ByteBuffer.allocate(bytes.length + count)
                        .order(ByteOrder.LITTLE_ENDIAN)
                        .put(bytes, 0, place)
                        .put(bytes, from, count)
                        .put(bytes, place, bytes.length - place);
        if (place >= PREFIX && bytes.length >= PREFIX && random.nextBoolean()) {
            longer.putLong(0, longer.getLong(0) + count);
        }
        return longer.array();
    }

    /** Puts another digit in the place of the next one: a changed number often still parses. */
    private void changeDigit(byte[] bytes, int place) {
        for (int i = place; i < bytes.length; i++) {
            if (bytes[i] >= '0' && bytes[i] <= '9') {
                bytes[i] = (byte) ('0' + random.nextInt(10));
                return;
            }
        }
    }
}
