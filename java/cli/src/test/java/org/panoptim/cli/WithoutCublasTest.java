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

/** A host with a GPU, here the virtual one, on which no cuBLAS is found, in a separate process. */
class WithoutCublasTest {

    private static final String NO_CUBLAS = "no cuBLAS is installed or found";

    @TempDir Path folder;

    @BeforeEach
    void copyTheDriverAlone() throws IOException {
        var driver = Path.of(System.getProperty("panoptim.virtual-gpu"), "libcuda.so.1");
        Files.copy(driver, folder.resolve("libcuda.so.1"));
    }

    @Test
    void verifyFailsAndSaysWhy() throws Exception {
        var invocation = run("verify", "--backend", "cuda-ffm", "sgd");

        assertThat(invocation.status()).isEqualTo(Failures.CHECK_FAILED);
        assertThat(invocation.out())
                .containsPattern("(?m)^  cuda-ffm +refused +- +0$")
                .contains(
                        "✘ no Kronecker factors: backend cuda-ffm: linear algebra on matrices needs"
                                + " cuBLAS: "
                                + NO_CUBLAS
                                + " (libcublas.so.13: not found by the system's loader; ")
                .contains(" runs have the reference's bits.\n")
                .endsWith("Inverses are missing, or worse than certified.\n")
                .doesNotContain("certificate of an inverse holds");
    }

    @Test
    void doctorSaysWhereItLookedAndWhatHelps() throws Exception {
        var invocation = run("doctor");

        assertThat(invocation.status()).isZero();
        assertThat(invocation.out().lines().map(String::strip))
                .containsSubsequence(
                        "✔ cuda-ffm: Panoptim virtual GPU through FFM",
                        // scripts/gpu-day reads these.
                        "driver: serves CUDA 13.0",
                        "device 0: Panoptim virtual GPU, compute capability 9.0",
                        "Kronecker factors: none, since " + NO_CUBLAS,
                        "Kronecker factors: libcublas.so.13: not found by the system's loader",
                        "Kronecker factors: libcublas.so.12: not found by the system's loader",
                        "Kronecker factors: LD_LIBRARY_PATH is "
                                + folder
                                + ": the cuBLAS of a Python is found once it names the folder"
                                + " nvidia/*/lib among that Python's site-packages");
    }

    private Invocation run(String... arguments) throws Exception {
        return Invocation.inProcess(
                folder,
                Map.of("LD_LIBRARY_PATH", folder.toString()),
                List.of(
                        "-Djava.io.tmpdir=" + folder,
                        "-Dpanoptim.cache=" + folder.resolve("cache"),
                        "-Dpanoptim.kernels=" + System.getProperty("panoptim.virtual-kernels")),
                arguments);
    }
}
