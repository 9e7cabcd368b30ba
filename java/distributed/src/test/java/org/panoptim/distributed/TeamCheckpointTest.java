package org.panoptim.distributed;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.panoptim.Checkpoints;
import org.panoptim.checkpoint.CheckpointException;
import org.panoptim.safetensors.SafetensorsReader;

import java.io.IOException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;

/** A team saves to a folder, from which any team and any optimizer without one goes on. */
class TeamCheckpointTest {

    @TempDir private Path temporary;

    private Path folder() {
        return temporary.resolve("checkpoint");
    }

    private static List<String> files(Path folder) throws IOException {
        try (Stream<Path> files = Files.list(folder)) {
            return files.map(each -> each.getFileName().toString()).sorted().toList();
        }
    }

    /** Lets a team train and save. */
    private void save(int members, int... steps) throws Exception {
        var results =
                Members.results(
                        Members.team(members),
                        member -> {
                            try (var trainee = Trainee.of(member)) {
                                trainee.train(steps).optimizer.save(folder());
                                return "saved";
                            }
                        });
        assertThat(results).hasSize(members).containsOnly("saved");
    }

    @Test
    void everyMemberHasAFileAndTheIndexNamesThem() throws Exception {
        save(4, 1);
        assertThat(files(folder())).hasSize(5).last().asString().isEqualTo("index.safetensors");
        assertThat(files(folder()).subList(0, 4))
                .allSatisfy(
                        name -> assertThat(name).matches("1-[0-9a-f]{16}-[0-3]-of-4.safetensors"));
    }

    @Test
    void elementsAreInTheFilesOfTheirOwnersAndAllElseInTheIndex() throws Exception {
        save(2, 1);
        var names = files(folder());
        try (var first = SafetensorsReader.open(folder().resolve(names.get(0)));
                var second = SafetensorsReader.open(folder().resolve(names.get(1)));
                var index = SafetensorsReader.open(folder().resolve(names.get(2)))) {
            assertThat(first.require("state/exp_avg/large").shape()).containsExactly(65_536L);
            assertThat(second.require("state/exp_avg/large").shape()).containsExactly(5L);
            assertThat(first.find("state/exp_avg/small")).isEmpty();
            assertThat(second.require("state/exp_avg/small").shape()).containsExactly(3L);
            assertThat(index.tensors().keySet())
                    .containsExactly("state/mu_product/small", "state/mu_product/none");
            assertThat(index.metadata())
                    .containsEntry("step", "1")
                    .containsEntry("leaves", "2")
                    .containsEntry("tensor/state/exp_avg/large", "F32 65541")
                    .containsEntry("tensor/state/exp_avg/none", "F32 0")
                    .containsEntry("tensor/state/mu_product/small", "F64");
        }
    }

    @Test
    void theFileThatIsMadeOfAFolderIsThatOfAnOptimizerWithoutATeam() throws Exception {
        save(4, 1, 2, 3);
        var one = temporary.resolve("one");
        Checkpoints.consolidate(folder(), one);
        var alone = temporary.resolve("alone");
        try (var trainee = Trainee.alone()) {
            trainee.train(1, 2, 3).optimizer.save(alone);
        }
        assertThat(Trainee.contentOf(one)).isEqualTo(Trainee.contentOf(alone));
        try (var reader = SafetensorsReader.open(one);
                var ofAlone = SafetensorsReader.open(alone)) {
            assertThat(reader.metadata()).containsEntry("leaves", "4");
            assertThat(reader.metadata().keySet())
                    .containsSequence(ofAlone.metadata().keySet())
                    .hasSize(ofAlone.metadata().size() + 1);
            assertThat(reader.hasChecksums()).isTrue();
        }
    }

    @Test
    void aFolderOfAnyTeamIsLoadedWithoutOne() throws Exception {
        try (var trained = Trainee.alone().train(1, 2)) {
            for (int members : List.of(1, 2, 4)) {
                save(members, 1, 2);
                try (var loaded = Trainee.alone()) {
                    loaded.optimizer.load(folder());
                    assertThat(loaded.states()).isEqualTo(trained.states());
                }
            }
        }
    }

    @Test
    void aFileIsLoadedByATeam() throws Exception {
        var file = temporary.resolve("file");
        try (var trainee = Trainee.alone().train(1, 2)) {
            trainee.optimizer.save(file);
        }
        var results =
                Members.results(
                        Members.team(4),
                        member -> {
                            try (var trainee = Trainee.of(member)) {
                                trainee.optimizer.load(file);
                                trainee.optimizer.save(folder());
                                return "loaded";
                            }
                        });
        assertThat(results).containsOnly("loaded");
        assertThat(Trainee.contentOf(folder())).isEqualTo(Trainee.contentOf(file));
    }

    @Test
    void leavesArePartOfACheckpoint() throws Exception {
        save(2, 1);
        var results =
                Members.results(
                        Members.team(2),
                        member -> {
                            try (var trainee = Trainee.of(member, 4)) {
                                var before = trainee.states();
                                var thrown =
                                        Trainee.thrownBy(() -> trainee.optimizer.load(folder()));
                                assertThat(trainee.states()).isEqualTo(before);
                                return thrown.orElseThrow();
                            }
                        });
        assertThat(results)
                .hasSize(2)
                .allSatisfy(
                        thrown ->
                                assertThat((Throwable) thrown)
                                        .isInstanceOf(CheckpointException.class)
                                        .hasMessage(
                                                "checkpoint %s: it was saved by a team whose steps have 2 leaves, but those of this one have 4, which would make other sums; build the optimizer with shards(member, 2) to load it"
                                                        .formatted(folder())));
    }

    @Test
    void filesOfAnOlderCheckpointAreDeletedAndAllElseStays() throws Exception {
        save(2, 1);
        var old = files(folder());
        Files.writeString(folder().resolve("model.safetensors"), "mine");
        Files.writeString(folder().resolve("1-0123456789abcdef-0-of-9.safetensors.old"), "mine");
        Files.writeString(folder().resolve("1-0123456789abcdef-0-of-9.safetensors"), "left");
        save(4, 1, 2);
        assertThat(files(folder()))
                .hasSize(7)
                .contains("model.safetensors", "1-0123456789abcdef-0-of-9.safetensors.old")
                .doesNotContain("1-0123456789abcdef-0-of-9.safetensors")
                .doesNotContain(old.get(0), old.get(1));
    }

    @Test
    void membersThatDifferDoNotSave() throws Exception {
        save(2, 1);
        var before = Trainee.contentOf(folder());
        var results =
                Members.results(
                        Members.team(2),
                        member -> {
                            try (var trainee = Trainee.of(member).train(1, 2)) {
                                if (member.rank() == 1) {
                                    trainee.optimizer.learningRate("second", 0.5);
                                }
                                assertThatThrownBy(() -> trainee.optimizer.save(folder()))
                                        .isInstanceOf(IllegalStateException.class)
                                        .hasMessage(
                                                "member 1 cannot save with member 0, since it has"
                                                        + " another 'groups'");
                                member.barrier();
                                assertThat(Trainee.contentOf(folder())).isEqualTo(before);
                                member.barrier();
                                trainee.optimizer.learningRate("second", 0.5);
                                if (member.rank() == 1) {
                                    trainee.optimizer.state("small", "mu_product").value(0.25);
                                }
                                assertThatThrownBy(() -> trainee.optimizer.save(folder()))
                                        .hasMessageEndingWith("another 'state/mu_product/small'");
                                trainee.optimizer.state("small", "mu_product").value(0.25);
                                trainee.optimizer.save(folder());
                                return "saved";
                            }
                        });
        assertThat(results).containsOnly("saved");
    }

    @Test
    void aFileIsNoFolder() throws Exception {
        Files.writeString(folder(), "mine");
        var results =
                Members.results(
                        Members.team(2),
                        member -> {
                            try (var trainee = Trainee.of(member)) {
                                return Trainee.thrownBy(() -> trainee.optimizer.save(folder()))
                                        .orElseThrow();
                            }
                        });
        assertThat(results)
                .hasSize(2)
                .allSatisfy(
                        thrown ->
                                assertThat((Throwable) thrown)
                                        .isInstanceOf(IOException.class)
                                        .hasMessage(
                                                "member 0 could not save to %1$s: %1$s: expected a folder, got something else"
                                                        .formatted(folder())));
        assertThat((Throwable) results.getFirst()).hasCauseInstanceOf(FileSystemException.class);
        assertThat((Throwable) results.get(1)).hasNoCause();
        assertThat(folder()).hasContent("mine");
    }

    @Test
    void aTeamIsNeededToReplaceWhatATeamHasSaved() throws Exception {
        save(2, 1);
        var before = files(folder());
        try (var trainee = Trainee.alone()) {
            assertThatThrownBy(() -> trainee.optimizer.save(folder()))
                    .hasMessageContaining("expected a file, got a folder");
        }
        assertThat(files(folder())).isEqualTo(before);
    }

    @Test
    void membersMustSeeOneFolder() throws Exception {
        var results =
                Members.results(
                        Members.team(2),
                        member -> {
                            var own = Files.createDirectory(temporary.resolve("" + member.rank()));
                            try (var trainee = Trainee.of(member).train(1)) {
                                return Trainee.thrownBy(() -> trainee.optimizer.save(own))
                                        .orElseThrow();
                            }
                        });
        assertThat(results)
                .hasSize(2)
                .allSatisfy(
                        thrown ->
                                assertThat((Throwable) thrown)
                                        .isInstanceOf(IOException.class)
                                        .hasMessageContaining("member 0 could not save to ")
                                        .hasMessageContaining(" of member 1; all members must"));
    }

    @Test
    void membersMustLoadOneCheckpoint() throws Exception {
        save(2, 1);
        var other = temporary.resolve("other");
        Files.move(folder(), other);
        save(2, 1, 2);
        var results =
                Members.results(
                        Members.team(2),
                        member -> {
                            var path = member.rank() == 0 ? folder() : other;
                            try (var trainee = Trainee.of(member)) {
                                var before = trainee.states();
                                var thrown = Trainee.thrownBy(() -> trainee.optimizer.load(path));
                                assertThat(trainee.states()).isEqualTo(before);
                                return thrown.orElseThrow();
                            }
                        });
        assertThat(results)
                .hasSize(2)
                .allSatisfy(
                        thrown ->
                                assertThat((Throwable) thrown)
                                        .isInstanceOf(CheckpointException.class)
                                        .hasMessageEndingWith(
                                                "member 1 sees another one here than member 0"));
    }

    @Test
    void oneFailingMemberKeepsAllFromLoading() throws Exception {
        save(2, 1);
        var results =
                Members.results(
                        Members.team(2),
                        member -> {
                            var path = member.rank() == 0 ? folder() : temporary.resolve("none");
                            try (var trainee = Trainee.of(member)) {
                                var before = trainee.states();
                                var thrown = Trainee.thrownBy(() -> trainee.optimizer.load(path));
                                assertThat(trainee.states()).isEqualTo(before);
                                trainee.train(1).optimizer.load(folder());
                                return thrown.orElseThrow();
                            }
                        });
        assertThat(results)
                .hasSize(2)
                .allSatisfy(
                        thrown ->
                                assertThat((Throwable) thrown)
                                        .isInstanceOf(IOException.class)
                                        .hasMessageContaining("member 1 could not load ")
                                        .hasMessageEndingWith(
                                                "none: there is no checkpoint, neither a file nor"
                                                        + " the folder of a team"));
    }
}
