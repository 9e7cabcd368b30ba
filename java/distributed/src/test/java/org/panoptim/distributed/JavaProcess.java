package org.panoptim.distributed;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;

/**
 * A program in a process of its own, over this one's class path, that is told something by lines
 * and answers with lines that begin with {@link #ANSWER}. What else it prints is kept for messages.
 * It is killed when this is closed.
 */
public final class JavaProcess implements AutoCloseable {

    /** How a line begins that is an answer. */
    public static final String ANSWER = "> ";

    private static final long PATIENCE_SECONDS = 60;

    private static final List<String> PASSED_ON =
            List.of("java.io.tmpdir", "panoptim.cache", "panoptim.library");

    private final Process process;
    private final LinkedBlockingQueue<String> answers = new LinkedBlockingQueue<>();
    private final List<String> others = new ArrayList<>();
    private final Thread reader;
    private boolean stopped;

    private JavaProcess(Process process) {
        this.process = process;
        reader = Thread.ofVirtual().start(this::read);
    }

    /**
     * Starts a program.
     *
     * @param environment variables that are set in addition
     */
    public static JavaProcess start(
            Class<?> main, Map<String, String> environment, String... arguments)
            throws IOException {
        return start(List.of(), main, environment, arguments);
    }

    /**
     * Starts a program by another command.
     *
     * @param launcher the command, which is given that of the program
     */
    static JavaProcess start(
            List<String> launcher,
            Class<?> main,
            Map<String, String> environment,
            String... arguments)
            throws IOException {
        var command = new ArrayList<>(launcher);
        command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
        command.addAll(
                List.of(
                        "--enable-native-access=ALL-UNNAMED",
                        "--sun-misc-unsafe-memory-access=allow",
                        "-XX:TieredStopAtLevel=1",
                        "-XX:+UseSerialGC",
                        "-Xshare:auto",
                        "-Xmx256m"));
        for (var property : PASSED_ON) {
            if (System.getProperty(property) != null) {
                command.add("-D%s=%s".formatted(property, System.getProperty(property)));
            }
        }
        command.addAll(List.of("-cp", System.getProperty("java.class.path"), main.getName()));
        command.addAll(List.of(arguments));
        var builder = new ProcessBuilder(command).redirectErrorStream(true);
        builder.environment().remove("JAVA_TOOL_OPTIONS");
        builder.environment().putAll(environment);
        return new JavaProcess(builder.start());
    }

    private void read() {
        try (var lines =
                new BufferedReader(
                        new InputStreamReader(process.getInputStream(), StandardCharsets.UTF_8))) {
            for (var line = lines.readLine(); line != null; line = lines.readLine()) {
                if (line.startsWith(ANSWER)) {
                    answers.add(line.substring(ANSWER.length()));
                } else {
                    synchronized (others) {
                        others.add(line);
                    }
                }
            }
        } catch (IOException e) {
            synchronized (others) {
                others.add("its output could not be read: " + e);
            }
        }
    }

    /** Says a line to the program. */
    public void tell(String line) throws IOException {
        var out = process.getOutputStream();
        out.write((line + "\n").getBytes(StandardCharsets.UTF_8));
        out.flush();
    }

    /**
     * The next answer.
     *
     * @throws AssertionError if none comes within a minute; the message has what it printed
     */
    public String answer() {
        return answered()
                .orElseThrow(
                        () ->
                                new AssertionError(
                                        "no answer from a process that is %s and printed:%n%s"
                                                .formatted(
                                                        process.isAlive() ? "alive" : "gone",
                                                        printed())));
    }

    /** The next answer, or nothing if the process ends, or a minute passes, without one. */
    public Optional<String> answered() {
        long until = System.nanoTime() + TimeUnit.SECONDS.toNanos(PATIENCE_SECONDS);
        try {
            while (System.nanoTime() < until) {
                boolean ended = !reader.isAlive();
                var answer = answers.poll(ended ? 0 : 100, TimeUnit.MILLISECONDS);
                if (answer != null || ended) {
                    return Optional.ofNullable(answer);
                }
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        return Optional.empty();
    }

    /** Says a line, and waits for the answer. */
    public String ask(String line) throws IOException {
        tell(line);
        return answer();
    }

    /** What it printed that was no answer. */
    public String printed() {
        synchronized (others) {
            return String.join("\n", others);
        }
    }

    /** Kills it, as {@code kill -9} does. */
    public void kill() throws InterruptedException {
        process.destroyForcibly().waitFor();
    }

    /** Stops it, as {@code kill -STOP} does: it is there, and does nothing. */
    public void stop() throws IOException, InterruptedException {
        stopped = true;
        new ProcessBuilder("kill", "-STOP", Long.toString(process.pid())).start().waitFor();
    }

    /** Whether it ends within a minute. */
    public boolean ends() throws InterruptedException {
        return process.waitFor(PATIENCE_SECONDS, TimeUnit.SECONDS);
    }

    /** Whether it has neither ended nor been stopped. */
    public boolean isListening() {
        return process.isAlive() && !stopped;
    }

    @Override
    public void close() {
        process.destroyForcibly();
    }
}
