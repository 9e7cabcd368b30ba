package org.panoptim.bench.result;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.google.gson.JsonParser;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

class ResultsTest {

    @TempDir private Path folder;

    @Test
    void whatIsWrittenIsRead() throws Exception {
        var file = folder.resolve("new").resolve("results.json");
        var results = Samples.results(List.of(Samples.step("flat", "limit", 1.02)));
        results.write(file);

        var restored = Results.read(file);

        assertThat(restored).usingRecursiveComparison().isEqualTo(results);
        assertThat(restored.steps().getFirst().advantage().median()).isEqualTo(1.02);
        assertThat(Files.readString(file)).contains("[ 1.0E7, 1.1E7, 1.2E7 ]");
    }

    @Test
    void aFullDiskIsAnErrorThatNamesTheFile() {
        var full = Path.of("/dev/full");
        assumeTrue(Files.isWritable(full), "there is no /dev/full");

        assertThatThrownBy(() -> Samples.results(List.of()).write(full))
                .hasMessage("/dev/full: No space left on device");
    }

    @Test
    void theTargetOfADanglingLinkIsMade() throws Exception {
        var link = Files.createSymbolicLink(folder.resolve("link.json"), Path.of("results.json"));
        Samples.results(List.of()).write(link);

        assertThat(link).isSymbolicLink();
        assertThat(Results.read(folder.resolve("results.json")).date()).isNotEmpty();
    }

    @Test
    void aFileOfAnEarlierVersionIsReadAsOneWithoutWhatCameLater() throws Exception {
        var file = folder.resolve("old.json");
        Samples.results(List.of()).write(file);
        var json = JsonParser.parseString(Files.readString(file)).getAsJsonObject();
        json.remove("memory");
        json.remove("kfac");
        json.remove("kernels");
        json.remove("teams");
        json.remove("teamSpeeds");
        json.getAsJsonObject("host").remove("virtual");
        json.getAsJsonArray("refreshes").get(0).getAsJsonObject().remove("backend");
        Files.writeString(file, json.toString());

        var restored = Results.read(file);
        assertThat(restored.memory()).isEmpty();
        assertThat(restored.kfac()).isEmpty();
        assertThat(restored.kernels()).isEmpty();
        assertThat(restored.teams()).isEmpty();
        assertThat(restored.teamSpeeds()).isEmpty();
        assertThat(restored.warning()).isEmpty();
        assertThat(restored.refreshes().getFirst().backend()).isEqualTo("simd");
        assertThat(restored.startUps()).hasSize(2);
    }

    @Test
    void theFilesOfTheProjectAreRead() throws Exception {
        try (var files = Files.list(Path.of("results"))) {
            assertThat(files.filter(file -> file.toString().endsWith(".json")))
                    .isNotEmpty()
                    .allSatisfy(file -> assertThat(Results.read(file).date()).isNotEmpty());
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "nothing", "[]", "{\"format\": 2}", "{\"format\": 1}"})
    void somethingElseIsRefusedByName(String content) throws Exception {
        var file = folder.resolve("other.json");
        Files.writeString(file, content);
        assertThatThrownBy(() -> Results.read(file))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("other.json: is not a file of results");
    }
}
