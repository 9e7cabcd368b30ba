package org.panoptim.tests;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
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
