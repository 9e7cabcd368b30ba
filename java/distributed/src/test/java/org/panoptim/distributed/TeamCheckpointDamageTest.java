package org.panoptim.distributed;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.panoptim.Checkpoints;
import org.panoptim.safetensors.SafetensorsReader;
import org.panoptim.safetensors.SafetensorsWriter;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import java.util.stream.Stream;

/**
 * A folder that is not as a team has saved it is refused, by teams, without one and for one file,
 * and nothing is changed.
 */
class TeamCheckpointDamageTest {

    @TempDir private Path temporary;
    private Path folder;

    @BeforeEach
    void save() throws Exception {
        folder = save("checkpoint", 1, 2);
    }

    private Path save(String name, int... steps) throws Exception {
        var saved = temporary.resolve(name);
        var results =
                Members.results(
                        Members.team(2),
                        member -> {
                            try (var trainee = Trainee.of(member).train(steps)) {
                                trainee.optimizer.save(saved);
                                return "saved";
                            }
                        });
        assertThat(results).containsOnly("saved");
        return saved;
    }

    private static Path index(Path folder) {
        return folder.resolve("index.safetensors");
    }

    private static Path memberFile(Path folder, int rank) throws IOException {
        try (Stream<Path> files = Files.list(folder)) {
            return files.filter(
                            each ->
                                    each.toString()
                                            .endsWith("-%d-of-2.safetensors".formatted(rank)))
                    .findFirst()
                    .orElseThrow();
        }
    }

    /** Alone, in a team and as one file, it is refused, and nothing changes. */
    private void assertRefused(String problem) throws Exception {
        try (var trainee = Trainee.alone().train(7)) {
            var before = trainee.states();
            assertThatThrownBy(() -> trainee.optimizer.load(folder))
                    .isInstanceOf(IOException.class)
                    .hasMessageContaining(problem);
            assertThat(trainee.states()).isEqualTo(before);
        }
        var results =
                Members.results(
                        Members.team(2),
                        member -> {
                            try (var trainee = Trainee.of(member).train(7)) {
                                var before = trainee.states();
                                var thrown = Trainee.thrownBy(() -> trainee.optimizer.load(folder));
                                assertThat(trainee.states()).isEqualTo(before);
                                trainee.train(8);
                                return thrown.orElseThrow();
                            }
                        });
        assertThat(results)
                .hasSize(2)
                .allSatisfy(
                        thrown ->
                                assertThat((Throwable) thrown)
                                        .isInstanceOf(IOException.class)
                                        .hasMessageContaining(problem));
        assertNotConsolidated(problem);
    }

    private void assertNotConsolidated(String problem) {
        var file = temporary.resolve("one");
        assertThatThrownBy(() -> Checkpoints.consolidate(folder, file))
                .isInstanceOf(IOException.class)
                .hasMessageContaining(problem);
        assertThat(file).doesNotExist();
    }

    @Test
    void aFolderWithoutAnIndexIsNoCheckpoint() throws Exception {
        Files.delete(index(folder));
        assertRefused("there is no index.safetensors, so no team has completed a checkpoint here");
    }

    @Test
    void aMembersFileIsMissed() throws Exception {
        var file = memberFile(folder, 1);
        Files.delete(file);
        assertRefused("file %s of member 1 is absent".formatted(file.getFileName()));
    }

    @Test
    void anIndexOfAnotherSavingFindsNoFiles() throws Exception {
        var other = save("other", 1, 2);
        Files.copy(index(other), index(folder), StandardCopyOption.REPLACE_EXISTING);
        assertRefused("of member 0 is absent");
    }

    @Test
    void theFileOfAnotherSavingIsNotTaken() throws Exception {
        var other = save("other", 1, 2);
        Files.copy(
                memberFile(other, 0), memberFile(folder, 0), StandardCopyOption.REPLACE_EXISTING);
        assertRefused("it was damaged, edited or exchanged");
    }

    @Test
    void filesThatChangedPlacesAreNotTaken() throws Exception {
        var first = memberFile(folder, 0);
        var second = memberFile(folder, 1);
        var spare = temporary.resolve("spare");
        Files.move(first, spare);
        Files.move(second, first);
        Files.move(spare, second);
        assertRefused("it was damaged, edited or exchanged");
    }

    @Test
    void aFileThatWasCutOffIsNotTaken() throws Exception {
        for (int rank : List.of(0, 1)) {
            var file = memberFile(folder, rank);
            var bytes = Files.readAllBytes(file);
            for (int size : List.of(0, 7, 100, bytes.length - 1)) {
                Files.write(file, Arrays.copyOf(bytes, size));
                assertRefused(file.getFileName().toString());
            }
            Files.write(file, bytes);
        }
    }

    @Test
    void noByteMayBeOther() throws Exception {
        for (var file : List.of(index(folder), memberFile(folder, 0), memberFile(folder, 1))) {
            var bytes = Files.readAllBytes(file);
            // The header's length, the header, and the first and last elements.
            int header = 8 + bytes[0] + (bytes[1] & 0xff) * 256;
            for (int place : List.of(0, 8, 60, header - 20, header, bytes.length - 1)) {
                bytes[place] ^= 1;
                Files.write(file, bytes);
                try (var trainee = Trainee.alone()) {
                    var before = trainee.states();
                    assertThatThrownBy(() -> trainee.optimizer.load(folder))
                            .as("%s at %d", file, place)
                            .isInstanceOf(IOException.class);
                    assertThat(trainee.states()).isEqualTo(before);
                }
                assertNotConsolidated("");
                bytes[place] ^= 1;
            }
            Files.write(file, bytes);
        }
        try (var trainee = Trainee.alone()) {
            trainee.optimizer.load(folder);
        }
    }

    @Test
    void anElementThatOneMemberReadsIsCheckedForAll() throws Exception {
        var file = memberFile(folder, 0);
        var bytes = Files.readAllBytes(file);
        bytes[bytes.length - 1] ^= 1;
        Files.write(file, bytes);
        // Of two members, the first alone reads this file.
        assertRefused("they were damaged or edited");
    }

    /** A file put together anew with other metadata, and right checksums. */
    private static void edit(Path file, Consumer<Map<String, String>> change) throws IOException {
        var writer = new SafetensorsWriter().checksums();
        try (var reader = SafetensorsReader.open(file)) {
            var metadata = new LinkedHashMap<>(reader.metadata());
            change.accept(metadata);
            writer.metadata(metadata);
            for (var tensor : reader.tensors().values()) {
                var bytes = new byte[Math.toIntExact(tensor.byteSize())];
                reader.read(tensor, MemorySegment.ofArray(bytes));
                writer.tensor(
                        tensor.name(),
                        tensor.dtype(),
                        tensor.shape(),
                        MemorySegment.ofArray(bytes));
            }
        }
        writer.write(file);
    }

    private void assertIndexRefused(Consumer<Map<String, String>> change, String problem)
            throws Exception {
        var bytes = Files.readAllBytes(index(folder));
        edit(index(folder), change);
        assertRefused(problem);
        Files.write(index(folder), bytes);
    }

    @Test
    void anIndexMustSayAllAndNothingElse() throws Exception {
        assertIndexRefused(
                index -> index.put("format", "panoptim-optimizer-1"),
                "metadata 'format' must be 'panoptim-optimizer-index-1', but is"
                        + " 'panoptim-optimizer-1'");
        assertIndexRefused(index -> index.remove("generation"), "metadata 'generation' is absent");
        assertIndexRefused(
                index -> index.put("generation", "../other"),
                "metadata 'members' cannot be read: expected a step and a number, got '../other'");
        assertIndexRefused(index -> index.put("members", "3"), "metadata 'member/2' is absent");
        assertIndexRefused(index -> index.put("members", "0"), "expected at least one member");
        assertIndexRefused(
                index -> index.put("member/0", "many"),
                "metadata 'member/0' cannot be read: expected a size and a checksum");
        assertIndexRefused(
                index -> index.put("tensor/state/exp_avg/large", "F32 65542"),
                "tensor 'state/exp_avg/large' must be F32[65542], but the members' files have"
                        + " 262164 bytes of it");
        assertIndexRefused(
                index -> index.put("tensor/state/exp_avg/large", "F32 -1"),
                "metadata 'tensor/state/exp_avg/large' cannot be read");
        assertIndexRefused(
                index -> index.put("tensor/state/exp_avg/large", "F99 65541"),
                "expected a type, got 'F99'");
        assertIndexRefused(
                index -> index.remove("tensor/state/exp_avg/large"),
                "has a tensor 'state/exp_avg/large' of type F32, of which the index says nothing");
    }

    @Test
    void whatTheIndexSaysOfTheRunIsCheckedAsInOneFile() throws Exception {
        edit(index(folder), index -> index.put("future", "1"));
        try (var trainee = Trainee.alone()) {
            assertThatThrownBy(() -> trainee.optimizer.load(folder))
                    .hasMessageEndingWith("metadata 'future' is unknown");
        }
        edit(index(folder), index -> index.remove("future"));
        edit(index(folder), index -> index.put("leaves", "some"));
        try (var trainee = Trainee.alone()) {
            assertThatThrownBy(() -> trainee.optimizer.load(folder))
                    .hasMessageContaining("metadata 'leaves' cannot be read");
        }
    }

    @Test
    void aMembersFileMustSayWhichItIs() throws Exception {
        var file = memberFile(folder, 1);
        edit(file, metadata -> metadata.put("member", "0"));
        try (var reader = SafetensorsReader.open(file)) {
            var checksum = Files.size(file) + " " + reader.checksum().orElseThrow();
            edit(index(folder), index -> index.put("member/1", checksum));
        }
        assertRefused("of member 1 says that it is another: ");
    }

    @Test
    void anIndexThatIsNoSafetensorsFileIsNotTakenForOne() throws Exception {
        Files.writeString(index(folder), "{\"members\": 2}", StandardCharsets.UTF_8);
        assertRefused("index.safetensors");
    }

    @Test
    void theIndexAloneIsNoCheckpoint() throws Exception {
        try (var trainee = Trainee.alone()) {
            assertThatThrownBy(() -> trainee.optimizer.load(index(folder)))
                    .hasMessageContaining("metadata 'format' must be 'panoptim-optimizer-1'");
        }
        assertThatThrownBy(() -> Checkpoints.consolidate(index(folder), temporary.resolve("one")))
                .isInstanceOf(IOException.class);
    }

    @Test
    void aDamagedIndexKeepsItsFilesUntilThereIsAnother() throws Exception {
        Files.writeString(index(folder), "damaged");
        var old = memberFile(folder, 0);
        var results =
                Members.results(
                        Members.team(2),
                        member -> {
                            try (var trainee = Trainee.of(member).train(1)) {
                                if (member.rank() == 1) {
                                    trainee.optimizer.learningRate("first", 0.5);
                                }
                                var thrown = Trainee.thrownBy(() -> trainee.optimizer.save(folder));
                                assertThat(old).exists();
                                member.barrier();
                                trainee.optimizer.learningRate("first", 0.5);
                                trainee.optimizer.save(folder);
                                assertThat(old).doesNotExist();
                                return thrown.isPresent();
                            }
                        });
        assertThat(results).containsOnly(true);
    }
}
