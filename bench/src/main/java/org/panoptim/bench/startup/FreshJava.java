package org.panoptim.bench.startup;

import org.jspecify.annotations.Nullable;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.jar.JarEntry;
import java.util.jar.JarOutputStream;
import java.util.regex.Pattern;

/** Processes that run {@link FirstStep} over this process's class path. */
final class FreshJava {

    /** Names the folder of the virtual GPU's driver, for the process's library path. */
    static final String VIRTUAL_GPU = "panoptim.virtual-gpu";

    /** What a process takes over from this one. */
    private static final List<String> PASSED_ON =
            List.of("panoptim.kernels", "panoptim.cache", "panoptim.library", "java.io.tmpdir");

    /** The jars that an application has; the others are the benchmarks' own. */
    private static final Pattern APPLICATION = Pattern.compile("(panoptim|jcuda|jcublas)-");

    private static final double NANOS_PER_MILLI = 1e6;

    private final StartUp.Driver driver;
    private final String classPath;

    /**
     * Takes over what an application would have on its class path, and packs folders into jars,
     * since an AOT cache is made from jars only.
     *
     * @param folder where to put them
     * @param driver the CUDA driver of the processes
     */
    FreshJava(Path folder, StartUp.Driver driver) throws IOException {
        this.driver = driver;
        var jars = new ArrayList<String>();
        for (var entry :
                System.getProperty("java.class.path").split(System.getProperty("path.separator"))) {
            var path = Path.of(entry);
            if (Files.isDirectory(path)) {
                var jar = folder.resolve("classes-" + jars.size() + ".jar");
                pack(path, jar);
                jars.add(jar.toString());
            } else if (APPLICATION.matcher(path.getFileName().toString()).lookingAt()) {
                jars.add(path.toAbsolutePath().toString());
            }
        }
        classPath = String.join(System.getProperty("path.separator"), jars);
    }

    private static void pack(Path folder, Path jar) throws IOException {
        try (var files = Files.walk(folder);
                var target = new JarOutputStream(Files.newOutputStream(jar))) {
            for (var file : files.filter(Files::isRegularFile).sorted().toList()) {
                target.putNextEntry(new JarEntry(folder.relativize(file).toString()));
                Files.copy(file, target);
            }
        }
    }

    /**
     * Takes a first step in a process of its own.
     *
     * @param cached what the result is to say of the arguments
     * @param arguments of the virtual machine
     * @throws IllegalStateException if the process fails, with its output
     */
    Run firstStep(String backend, boolean cached, String... arguments) throws IOException {
        var builder = new ProcessBuilder(command(backend, arguments)).redirectErrorStream(true);
        // These print a line, and change what is measured.
        builder.environment().remove("JAVA_TOOL_OPTIONS");
        builder.environment().remove("JDK_JAVA_OPTIONS");
        var virtual = System.getProperty(VIRTUAL_GPU);
        if (driver == StartUp.Driver.VIRTUAL && virtual != null) {
            builder.environment()
                    .merge("LD_LIBRARY_PATH", virtual, (old, added) -> added + ":" + old);
        }
        long begun = System.nanoTime();
        var process = builder.start();
        var output = new ArrayList<String>();
        @Nullable Run run = null;
        try (var reader =
                new BufferedReader(
                        new InputStreamReader(process.getInputStream(), StandardCharsets.UTF_8))) {
            for (var line = reader.readLine(); line != null; line = reader.readLine()) {
                long wall = System.nanoTime() - begun;
                if (line.startsWith(FirstStep.MARK)) {
                    run = parse(backend, cached, line, wall);
                }
                output.add(line);
            }
            int status = process.waitFor();
            if (status != 0 || run == null) {
                throw new IllegalStateException(
                        "the first step of backend %s failed with exit status %d; the process said:%n%s"
                                .formatted(
                                        backend,
                                        status,
                                        String.join(System.lineSeparator(), output)));
            }
            return run;
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IllegalStateException("interrupted while a first step was running", e);
        } finally {
            process.destroy();
        }
    }

    private List<String> command(String backend, String... arguments) {
        var command = new ArrayList<String>();
        command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
        command.add("--enable-native-access=ALL-UNNAMED");
        for (var name : PASSED_ON) {
            if (System.getProperty(name) != null) {
                command.add("-D" + name + "=" + System.getProperty(name));
            }
        }
        command.addAll(List.of(arguments));
        command.addAll(List.of("-cp", classPath, FirstStep.class.getName(), backend));
        return command;
    }

    private static Run parse(String backend, boolean cached, String line, long wall) {
        var numbers = line.split(" ");
        return new Run(
                backend,
                cached,
                Long.parseLong(numbers[1]) / NANOS_PER_MILLI,
                Long.parseLong(numbers[2]) / NANOS_PER_MILLI,
                Long.parseLong(numbers[3]) / NANOS_PER_MILLI,
                wall / NANOS_PER_MILLI);
    }
}
