package org.panoptim.cli;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;

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

    private Invocation doctor(String option) throws Exception {
        return Invocation.inProcess(
                folder,
                Map.of("XDG_CACHE_HOME", ""),
                List.of(option, "-Duser.home=" + home, "-Djava.library.path=" + folder),
                "doctor");
    }
}
