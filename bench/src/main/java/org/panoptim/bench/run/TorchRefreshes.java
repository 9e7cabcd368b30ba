package org.panoptim.bench.run;

import com.google.gson.Gson;
import com.google.gson.annotations.SerializedName;

import org.panoptim.bench.DeviceKind;
import org.panoptim.bench.FactorSizes;
import org.panoptim.bench.PythonPeer;
import org.panoptim.bench.result.Results.RefreshTimes;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Locale;

/** The inverses of all factors in PyTorch: {@code bench/peers/torch_linalg.py}. */
final class TorchRefreshes {

    private static final String METHOD =
            RefreshTimes.PYTORCH + " %s%s, cholesky_ex and cholesky_inverse";

    private TorchRefreshes() {}

    private record Reply(String torch, List<Measured> results) {}

    private record Measured(@SerializedName("all_seconds") double[] seconds) {}

    /**
     * Measures a model.
     *
     * @throws BenchException if Python cannot; the message has its last line
     */
    static RefreshTimes measure(FactorSizes model, Target target, int repetitions) {
        return measure(PythonPeer.interpreter(), model, target, repetitions);
    }

    static RefreshTimes measure(
            String interpreter, FactorSizes model, Target target, int repetitions) {
        boolean onHost = target.device() == DeviceKind.CPU;
        try {
            var process =
                    new ProcessBuilder(
                                    interpreter,
                                    PythonPeer.script("torch_linalg.py").toString(),
                                    "--threads",
                                    Integer.toString(Runtime.getRuntime().availableProcessors()),
                                    "--device",
                                    onHost ? "cpu" : "cuda",
                                    "--repeat",
                                    Integer.toString(repetitions),
                                    "--model",
                                    nameInPython(model))
                            .redirectErrorStream(true)
                            .start();
            var output =
                    new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
            if (process.waitFor() != 0) {
                var lines = output.strip().lines().toList();
                throw new BenchException(
                        "%s: %s"
                                .formatted(
                                        interpreter,
                                        lines.isEmpty() ? "no output" : lines.getLast()));
            }
            // Libraries may say something first.
            var reply = new Gson().fromJson(output.substring(output.indexOf('{')), Reply.class);
            return new RefreshTimes(
                    model.name(),
                    METHOD.formatted(reply.torch(), onHost ? "" : " on CUDA"),
                    target.name(),
                    reply.results().getFirst().seconds());
        } catch (IOException e) {
            throw new BenchException("there is no " + interpreter + " to start", e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new BenchException("interrupted while PyTorch was measured", e);
        }
    }

    private static String nameInPython(FactorSizes model) {
        return model.name().toLowerCase(Locale.ROOT);
    }
}
