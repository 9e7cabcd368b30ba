package org.panoptim.tests;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.panoptim.shard.TeamException;
import org.panoptim.tests.KfacFailures.Mortal;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Arrays;
import java.util.stream.Stream;

/**
 * Checkpoints of K-FAC that members of a team share: the owner of a layer saves its factors,
 * inverses and what is known of them, and whoever owns the layer next goes on from there.
 */
class SharedKfacCheckpointTest {

    @TempDir private Path folder;

    @ParameterizedTest
    @CsvSource({"reference, 4", "reference, 5", "simd, 4", "simd, 5"})
    void aTeamOfAnySizeGoesOnWithTheSameBits(String backend, int saved) throws Exception {
        new KfacCheckpoints(folder).requireSameBits(backend, saved);
    }

    @ParameterizedTest
    @ValueSource(strings = {"reference", "simd"})
    void soDoesOneProcessWithoutATeam(String backend) throws Exception {
        new KfacCheckpoints(folder).requireSameBitsWithoutATeam(backend);
    }

    @Test
    void aTeamTakesUpWhatOneProcessHasSaved() throws Exception {
        new KfacCheckpoints(folder).requireSameBitsOfAFile("reference");
    }

    private static Path memberFile(Path checkpoint, int rank) throws IOException {
        try (Stream<Path> files = Files.list(checkpoint)) {
            return files.filter(
                            each ->
                                    each.toString()
                                            .endsWith("-%d-of-2.safetensors".formatted(rank)))
                    .findFirst()
                    .orElseThrow();
        }
    }

    /** All members of a team refuse it for the same reason, and have what they had. */
    private void assertRefused(Path checkpoint, String problem) throws Exception {
        KfacCheckpoints.onAll(
                2,
                member -> {
                    try (var net = KfacCheckpoints.net("reference", member)) {
                        net.step(member, 0);
                        var before = net.kfac.metadata();
                        assertThatThrownBy(() -> net.optimizer.load(checkpoint))
                                .isInstanceOf(IOException.class)
                                .hasMessageContaining(problem);
                        assertThat(net.kfac.metadata()).isEqualTo(before);
                        assertThat(net.optimizer.report().step()).isEqualTo(1);
                        return "refused";
                    }
                });
    }

    @Test
    void anotherBackendTakesUpTheSameStates() throws Exception {
        new KfacCheckpoints(folder).requireSameStates("simd", "reference");
    }

    @Test
    void withoutTheFileOfALayersOwnerNothingIsLoaded() throws Exception {
        var checkpoints = new KfacCheckpoints(folder);
        var saved = folder.resolve("saved");
        checkpoints.whole("reference", 2, 4, saved);
        Files.delete(memberFile(saved, 1));

        assertRefused(saved, "of member 1 is absent");
    }

    @Test
    void norWithOneOfAnotherStep() throws Exception {
        var checkpoints = new KfacCheckpoints(folder);
        var saved = folder.resolve("saved");
        var later = folder.resolve("later");
        checkpoints.whole("reference", 2, 4, saved);
        checkpoints.whole("reference", 2, 5, later);
        Files.copy(memberFile(later, 0), memberFile(saved, 0), StandardCopyOption.REPLACE_EXISTING);

        assertRefused(saved, "it was damaged, edited or exchanged");
    }

    /**
     * Two members save after a step and after the next, in which one gives up.
     *
     * @param call at which, from the beginning of the second saving; 0: it does not
     * @return whether the second saving was done
     */
    private static boolean saveTwice(Path checkpoint, int call) throws Exception {
        var saved =
                KfacNet.onAll(
                        2,
                        member -> {
                            var mortal = new Mortal(member);
                            try (var net = KfacCheckpoints.net("reference", mortal)) {
                                net.step(mortal, 0);
                                net.optimizer.save(checkpoint);
                                net.step(mortal, 2);
                                if (member.rank() == 1 && call > 0) {
                                    mortal.giveUpAt(call);
                                }
                                net.optimizer.save(checkpoint);
                                return mortal.isAlive();
                            } catch (TeamException e) {
                                assertThat(e).hasMessageContaining("planted");
                                return false;
                            }
                        });
        return !saved.contains(false);
    }

    @Test
    void whenAMemberIsGoneTheFolderHasTheOldCheckpointOrTheNew() throws Exception {
        var checkpoints = new KfacCheckpoints(folder);
        saveTwice(folder.resolve("new"), 0);
        saveTwice(folder.resolve("old"), 1);
        var whole = checkpoints.consolidated(folder.resolve("new"));
        var old = checkpoints.consolidated(folder.resolve("old"));
        assertThat(old).isNotEqualTo(whole);
        int call = 1;
        for (boolean saved = false; !saved; call++) {
            var checkpoint = folder.resolve("at-" + call);
            saved = saveTwice(checkpoint, call);
            var found = checkpoints.consolidated(checkpoint);
            assertThat(Arrays.equals(found, whole) || !saved && Arrays.equals(found, old))
                    .as("at call %d", call)
                    .isTrue();
        }

        assertThat(call).isGreaterThan(5);
    }

    @Test
    void membersThatWouldDampOtherwiseSaveNothing() throws Exception {
        var checkpoints = new KfacCheckpoints(folder);
        var saved = folder.resolve("saved");
        checkpoints.whole("reference", 2, 4, saved);
        var before = checkpoints.consolidated(saved);
        KfacCheckpoints.onAll(
                2,
                member -> {
                    try (var net = KfacCheckpoints.net("reference", member)) {
                        net.step(member, 0);
                        net.kfac.damping(1 + member.rank());
                        assertThatThrownBy(() -> net.optimizer.save(saved))
                                .isInstanceOf(IllegalStateException.class)
                                .hasMessage(
                                        "member 1 cannot save with those before it, since it has"
                                                + " another 'transform.damping'");
                        return "refused";
                    }
                });

        assertThat(checkpoints.consolidated(saved)).isEqualTo(before);
    }
}
