package org.panoptim.tests.packaged;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.panoptim.tests.Project;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.jar.JarFile;

/** Runs after the jars were packaged. */
@Tag("packaged")
class PackagedJarsTest {

    // Decay takes 1/8 of each, and the first step of Adam is the learning rate.
    private static final List<String> TRAINED =
            List.of("element 0.875", "element -2.0", "element 2.875");

    @TempDir Path folder;

    @Test
    void aModuleRunsOnTheSimdBackend() throws Exception {
        var output = new ConsumerProject(folder, "core", "abi", "simd", "natives").runAsModule();
        assertThat(output).startsWith("backend simd").containsSubsequence(TRAINED);
        assertThat(output).noneMatch(line -> line.contains("WARNING"));
    }

    @Test
    void aProgramOnTheClassPathRunsOnTheSimdBackend() throws Exception {
        var output = new ConsumerProject(folder, "core", "abi", "simd", "natives").runOnClassPath();
        assertThat(output).startsWith("backend simd").containsSubsequence(TRAINED);
        assertThat(output).noneMatch(line -> line.contains("WARNING"));
    }

    @Test
    void withoutTheNativesItFallsBackToTheReferenceAndSaysWhy() throws Exception {
        var output = new ConsumerProject(folder, "core", "abi", "simd").runOnClassPath();
        assertThat(output).contains("backend reference").containsSubsequence(TRAINED);
        assertThat(output)
                .filteredOn(line -> line.contains("WARNING"))
                .singleElement()
                .asString()
                .contains("simd", "reference", "panoptim-natives", "Require.NATIVE");
        assertThat(output)
                .anySatisfy(
                        line ->
                                assertThat(line)
                                        .contains("name=simd, available=false")
                                        .contains("jar: no resource META-INF/native/"));
    }

    @Test
    void theCoreAloneIsEnoughForTheReference() throws Exception {
        var output = new ConsumerProject(folder, "core").runAsModule();
        assertThat(output).contains("backend reference").containsSubsequence(TRAINED);
        assertThat(output).noneMatch(line -> line.contains("name=simd"));
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "core", "testkit", "abi", "simd", "natives", "cuda", "jcuda", "kernels", "kfac",
                "pytorch", "djl", "cli"
            })
    void everyJarCarriesTheLicence(String name) throws Exception {
        try (var jar = new JarFile(ConsumerProject.jar(name).toFile());
                var licence = jar.getInputStream(jar.getEntry("META-INF/LICENSE"))) {
            assertThat(licence.readAllBytes())
                    .isEqualTo(Files.readAllBytes(Project.root().resolve("LICENSE")));
        }
    }
}
