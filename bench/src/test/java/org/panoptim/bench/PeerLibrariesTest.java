package org.panoptim.bench;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.panoptim.bench.PeerLibraries.ParentLoader;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;

/** Other libraries' optimizers are found, kept apart, and compute what Panoptim's do. */
class PeerLibrariesTest {

    @Test
    void everyModuleHoldsAPeerOfItsName() {
        assertThat(PeerLibraries.find(PeerLibraries.folder()))
                .isNotEmpty()
                .allSatisfy(
                        result -> {
                            assertThat(result).isInstanceOf(PeerLibraries.Usable.class);
                            var peer = ((PeerLibraries.Usable) result).peer();
                            assertThat(peer.name())
                                    .isEqualTo(result.folder().getFileName().toString());
                            // The version is filled in.
                            assertThat(peer.description()).isNotBlank().doesNotContain("${");
                        });
    }

    @Test
    void whatIsNotBuiltIsSaid(@TempDir Path folder) throws IOException {
        Files.createDirectories(folder.resolve("some"));
        Files.createFile(folder.resolve("some/pom.xml"));

        assertThat(PeerLibraries.find(folder))
                .singleElement()
                .isInstanceOfSatisfying(
                        PeerLibraries.Unusable.class,
                        result -> assertThat(result.reason()).startsWith("some is not built"));
        assertThatThrownBy(() -> PeerLibraries.load(folder, "some"))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("some is not built");
    }

    @Test
    void theBenchmarksOwnLibrariesAreHidden() {
        var loader = new ParentLoader();

        assertThatThrownBy(() -> loader.loadClass("org.panoptim.bench.PeerLibraries"))
                .isInstanceOf(ClassNotFoundException.class);
        assertThatThrownBy(() -> loader.loadClass("com.google.gson.Gson"))
                .isInstanceOf(ClassNotFoundException.class);
    }

    /** In a separate process: two libtorch in one clash. */
    @ParameterizedTest
    @ValueSource(strings = {"bytedeco", "djl", "nd4j"})
    @EnabledOnOs(value = OS.LINUX, architectures = "amd64")
    void itComputesWhatTheReferenceDoes(String peer, @TempDir Path folder) throws Exception {
        var output = folder.resolve("output");
        var process =
                new ProcessBuilder(
                                ProcessHandle.current().info().command().orElseThrow(),
                                "--enable-native-access=ALL-UNNAMED",
                                "--sun-misc-unsafe-memory-access=allow",
                                "-Dpanoptim.peers=" + PeerLibraries.folder(),
                                "-cp",
                                System.getProperty("java.class.path"),
                                PeerCheck.class.getName(),
                                peer)
                        .redirectErrorStream(true)
                        .redirectOutput(output.toFile())
                        .start();
        try {
            assertThat(process.waitFor(5, TimeUnit.MINUTES)).isTrue();
        } finally {
            process.destroyForcibly();
        }

        // A library may have said something before.
        assertThat(Files.readString(output)).endsWith("same" + System.lineSeparator());
        assertThat(process.exitValue()).isZero();
    }
}
