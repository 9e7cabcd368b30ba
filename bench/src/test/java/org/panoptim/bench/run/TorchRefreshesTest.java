package org.panoptim.bench.run;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.panoptim.bench.DeviceKind;
import org.panoptim.bench.FactorSizes;

import java.nio.file.Files;
import java.nio.file.Path;

/** With a stand-in for the interpreter; the script itself needs PyTorch. */
class TorchRefreshesTest {

    private static final Target HOST = new Target("simd", "", DeviceKind.CPU, Long.MAX_VALUE);
    private static final Target DEVICE = new Target("cuda-ffm", "", DeviceKind.GPU, 1L << 40);

    @TempDir private Path folder;

    private String interpreter(String body) throws Exception {
        var file = folder.resolve("python");
        Files.writeString(file, "#!/bin/sh\n" + body + "\n");
        assertThat(file.toFile().setExecutable(true)).isTrue();
        return file.toString();
    }

    @Test
    void itTakesTheSecondsOfEveryRepetition() throws Exception {
        var python =
                interpreter(
                        """
                        echo 'a library has something to say'
                        echo '{"torch": "9.8", "results": [{"all_seconds": [2.5, 1.5]}]}'
                        """);

        var times = TorchRefreshes.measure(python, FactorSizes.RESNET50, HOST, 2);

        assertThat(times.model()).isEqualTo("RESNET50");
        assertThat(times.method()).startsWith("PyTorch 9.8, ");
        assertThat(times.isPeer()).isTrue();
        assertThat(times.backend()).isEqualTo("simd");
        assertThat(times.seconds()).containsExactly(2.5, 1.5);
    }

    @Test
    void itAsksForTheModelAndTheRepetitions() throws Exception {
        var python = interpreter("echo \"$@\"; exit 1");

        assertThatThrownBy(() -> TorchRefreshes.measure(python, FactorSizes.GPT2_SMALL, HOST, 7))
                .isInstanceOf(BenchException.class)
                .hasMessageContaining("torch_linalg.py")
                .hasMessageContaining("--repeat 7")
                .hasMessageContaining("--model gpt2_small")
                .hasMessageContaining("--device cpu");
    }

    @Test
    void onADeviceItComputesOnCuda() throws Exception {
        var echoing = interpreter("echo \"$@\"; exit 1");
        assertThatThrownBy(() -> TorchRefreshes.measure(echoing, FactorSizes.GPT2_SMALL, DEVICE, 7))
                .hasMessageContaining("--device cuda");

        var python =
                interpreter("echo '{\"torch\": \"9.8\", \"results\": [{\"all_seconds\": [1]}]}'");
        var times = TorchRefreshes.measure(python, FactorSizes.GPT2_SMALL, DEVICE, 1);
        assertThat(times.method()).startsWith("PyTorch 9.8 on CUDA");
        assertThat(times.backend()).isEqualTo("cuda-ffm");
    }

    @Test
    void whatPythonSaidLastIsTheReason() throws Exception {
        var python = interpreter("echo Traceback; echo \"No module named 'torch'\"; exit 1");

        assertThatThrownBy(() -> TorchRefreshes.measure(python, FactorSizes.RESNET50, HOST, 1))
                .isInstanceOf(BenchException.class)
                .hasMessageEndingWith("No module named 'torch'");
    }

    @Test
    void noInterpreterIsTheReason() {
        var absent = folder.resolve("absent").toString();

        assertThatThrownBy(() -> TorchRefreshes.measure(absent, FactorSizes.RESNET50, HOST, 1))
                .isInstanceOf(BenchException.class)
                .hasMessageContaining("there is no " + absent);
    }
}
