package org.panoptim.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.gson.JsonParser;

import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;

/** What a fresh process prints about the folder that native libraries are unpacked into. */
class DoctorCommandTest {

    @TempDir Path folder;

    private Path home;

    @BeforeEach
    void makeHome() throws IOException {
        home = Files.createDirectory(folder.toRealPath().resolve("home"));
    }

    @Test
    void theFolderThatIsTakenIsNamedForEachLibrary() throws Exception {
        var cache = folder.toRealPath().resolve("cache");
        var invocation = doctor("-Dpanoptim.cache=" + cache);

        assertThat(invocation.out())
                .contains("✔ simd: ")
                .containsPattern("jar, \\S+/libpanoptim\\.so: " + cache + "/\\S+: loaded")
                .containsPattern(
                        "Kronecker factors: artifact org.bytedeco:openblas: loaded, OpenBLAS .*, "
                                + cache
                                + "/openblas-")
                .doesNotContain("passed over");
        assertThat(invocation.err()).doesNotContain("WARNING: Native libraries");
    }

    @Test
    void whatWasPassedOverIsNamedWithTheReason() throws Exception {
        var invocation = doctor("-Dpanoptim.cache=some/folder");

        assertThat(invocation.out().lines().map(String::strip))
                .containsSubsequence(
                        "cache: passed over: system property panoptim.cache, some/folder: is not"
                                + " an absolute path",
                        "Kronecker factors: cache: passed over: system property panoptim.cache,"
                                + " some/folder: is not an absolute path");
        assertThat(invocation.out())
                .containsPattern("jar, \\S+/libpanoptim\\.so: " + home + "/.cache/panoptim/");
        assertThat(invocation.err().lines())
                .filteredOn(line -> line.contains("WARNING: Native libraries"))
                .hasSize(1);
    }

    @Test
    void programsReadTheSameAsJson() throws Exception {
        var option = "-Dpanoptim.cache=" + folder.toRealPath().resolve("cache");
        var text = doctor(option).out();
        var json = JsonParser.parseString(doctor(option, "--json").out()).getAsJsonObject();

        assertThat(json.keySet())
                .containsExactly("version", "java", "system", "processor", "backends", "best");
        assertThat(text)
                .startsWith("Panoptim   " + json.get("version").getAsString() + "\n")
                .contains("Java       " + json.get("java").getAsString() + "\n")
                .contains("System     " + json.get("system").getAsString() + "\n")
                .contains("Processor  " + json.get("processor").getAsString() + "\n")
                .endsWith("Panoptim computes on " + json.get("best").getAsString() + ".\n");
        var lines = new StringBuilder();
        for (var element : json.getAsJsonArray("backends")) {
            var backend = element.getAsJsonObject();
            lines.append(backend.get("available").getAsBoolean() ? "  ✔ " : "  ✘ ")
                    .append(backend.get("name").getAsString() + ": ")
                    .append(backend.get("summary").getAsString() + "\n");
            backend.getAsJsonArray("tried")
                    .forEach(line -> lines.append("      " + line.getAsString() + "\n"));
            backend.getAsJsonArray("kroneckerFactors")
                    .forEach(
                            line ->
                                    lines.append(
                                            "      Kronecker factors: "
                                                    + line.getAsString()
                                                    + "\n"));
        }
        assertThat(text).contains("\nBackends, the fastest first:\n" + lines + "\n");
    }

    @Test
    void onASystemWithoutALibraryTheReasonIsNamedAndPlainJavaIsTaken() throws Exception {
        var invocation =
                Invocation.inProcess(
                        folder,
                        Map.of("XDG_CACHE_HOME", ""),
                        List.of("-Duser.home=" + home, "-Dos.name=Mac OS X", "-Dos.arch=aarch64"),
                        "doctor");

        assertThat(invocation.status()).isZero();
        assertThat(invocation.out())
                .contains(
                        "✘ simd: there is no libpanoptim for macos-aarch64, only for Linux with"
                                + " glibc, on x86_64 and aarch64; steps run in plain Java here\n")
                .endsWith("Unless told otherwise, Panoptim computes on reference.\n");
    }

    private Invocation doctor(String option, String... arguments) throws Exception {
        return Invocation.inProcess(
                folder,
                Map.of("XDG_CACHE_HOME", ""),
                List.of(option, "-Duser.home=" + home, "-Djava.library.path=" + folder),
                Stream.concat(Stream.of("doctor"), Stream.of(arguments)).toArray(String[]::new));
    }
}
