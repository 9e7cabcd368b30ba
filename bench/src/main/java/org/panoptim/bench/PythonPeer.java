package org.panoptim.bench;

import com.google.gson.Gson;

import org.panoptim.tensor.Shape;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;

/**
 * PyTorch's AdamW in a Python process ({@code bench/peers/torch_cpu.py}), which takes a step on
 * request and replies how long it took.
 */
public final class PythonPeer implements AutoCloseable {

    /** The system property that names the interpreter; else {@code python3}. */
    static final String PYTHON = "panoptim.python";

    /** Other output of libraries is skipped; when Python fails, the reason comes last. */
    private static final String REPLY = "= ";

    private static final String PREFIX = "torch-";

    /** Names of what can be measured: PyTorch's implementations of the step. */
    static final List<String> NAMES = List.of(PREFIX + "fused", PREFIX + "foreach");

    private final DeviceKind kind;
    private final Process process;
    private final PrintWriter requests;
    private final BufferedReader replies;
    private final String version;

    /**
     * Starts a process.
     *
     * @param name one of {@link #NAMES}
     * @param shapes of its tensors
     * @param threads that it may use
     * @param kind the kind of device that its tensors are on
     * @throws IllegalStateException if it does not start; the message has its last line
     */
    PythonPeer(String name, List<Shape> shapes, int threads, DeviceKind kind) {
        this.kind = kind;
        try {
            process =
                    new ProcessBuilder(
                                    interpreter(),
                                    script("torch_cpu.py").toString(),
                                    "--variant",
                                    name.substring(PREFIX.length()),
                                    "--threads",
                                    Integer.toString(threads),
                                    "--device",
                                    device(kind))
                            .redirectErrorStream(true)
                            .start();
        } catch (IOException e) {
            throw new IllegalStateException("there is no " + interpreter() + " to start", e);
        }
        requests = new PrintWriter(process.outputWriter(StandardCharsets.UTF_8), true);
        replies = process.inputReader(StandardCharsets.UTF_8);
        try {
            version = send(new Gson().toJson(shapes.stream().map(Shape::dimensions).toList()));
        } catch (RuntimeException e) {
            process.destroy();
            throw e;
        }
    }

    /** The interpreter: what {@link #PYTHON} names, or {@code python3}. */
    public static String interpreter() {
        return System.getProperty(PYTHON, "python3");
    }

    private static String device(DeviceKind kind) {
        return kind == DeviceKind.CPU ? "cpu" : "cuda";
    }

    /** A script of the folder {@code bench/peers}. */
    public static Path script(String name) {
        return PeerLibraries.folder().resolve(name);
    }

    /** What is measured under that name. */
    String description(String name) {
        return "PyTorch %s in Python, AdamW(%s=True)%s"
                .formatted(
                        version,
                        name.substring(PREFIX.length()),
                        kind == DeviceKind.CPU ? "" : " on CUDA");
    }

    /** Does the work once, and returns how many nanoseconds it took there. */
    long run(Scenario scenario) {
        return switch (scenario) {
            case STEP -> nanos(send("step"));
            case CLIP_STEP_ZERO -> nanos(send("clip_step_zero"));
            case LOSS_SCALE, BF16, COPY, AVERAGE, STATISTICS, SOME_STATISTICS ->
                    throw new IllegalArgumentException(
                            "no peer is measured in a " + scenario.title());
        };
    }

    private static long nanos(String seconds) {
        return Math.round(1e9 * Double.parseDouble(seconds));
    }

    /** Sets the gradients again. */
    void refill() {
        send("refill");
    }

    /** An element of a tensor. */
    float value(int tensor, long index) {
        return Float.parseFloat(send("value " + tensor + " " + index));
    }

    /** An element of a tensor's gradient. */
    float gradient(int tensor, long index) {
        return Float.parseFloat(send("gradient " + tensor + " " + index));
    }

    private String send(String request) {
        requests.println(request);
        try {
            var last = "no output";
            for (var line = replies.readLine(); line != null; line = replies.readLine()) {
                if (line.startsWith(REPLY)) {
                    return line.substring(REPLY.length());
                }
                last = line;
            }
            throw new IllegalStateException(interpreter() + " ended with: " + last);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    @Override
    public void close() {
        requests.close();
        try {
            process.waitFor();
        } catch (InterruptedException e) {
            process.destroy();
            Thread.currentThread().interrupt();
        }
    }
}
