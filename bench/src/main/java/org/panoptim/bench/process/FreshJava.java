package org.panoptim.bench.process;

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

/** Processes that run a small program over this process's class path. */
final class FreshJava {

    /** Names the folder of the virtual GPU's driver, for the process's library path. */
    static final String VIRTUAL_GPU = "panoptim.virtual-gpu";

    /** Names the file of the virtual GPU's kernels, which no other device can load. */
    static final String VIRTUAL_KERNELS = "panoptim.virtual-kernels";

    private static final String KERNELS = "panoptim.kernels";

    /** What a process takes over from this one. */
    private static final List<String> PASSED_ON =
            List.of(KERNELS, "panoptim.cache", "panoptim.library", "java.io.tmpdir");

    /** The jars that an application has; the others belong to the benchmarks. */
    private static final Pattern APPLICATION = Pattern.compile("(panoptim|jcuda|jcublas)-");

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
     * What a program printed.
     *
     * @param words of the line that began with its mark, without the mark
     * @param nanos from the start of the process to that line
     */
    record Output(List<String> words, long nanos) {}

    /**
     * Runs a program in a separate process.
     *
     * @param what it does, for messages
     * @param program has a main method
     * @param mark the prefix of the line that it prints its result in
     * @param options of the virtual machine
     * @throws IllegalStateException if the process fails or prints no result, with its output
     */
    Output run(
            String what, Class<?> program, String mark, List<String> options, String... arguments)
            throws IOException {
        var builder =
                new ProcessBuilder(command(program, options, arguments)).redirectErrorStream(true);
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
        @Nullable Output result = null;
        try (var reader =
                new BufferedReader(
                        new InputStreamReader(process.getInputStream(), StandardCharsets.UTF_8))) {
            for (var line = reader.readLine(); line != null; line = reader.readLine()) {
                long nanos = System.nanoTime() - begun;
                var words = List.of(line.split(" "));
                if (words.getFirst().equals(mark)) {
                    result = new Output(words.subList(1, words.size()), nanos);
                }
                output.add(line);
            }
            int status = process.waitFor();
            if (status != 0 || result == null) {
                throw new IllegalStateException(
                        "%s failed with exit status %d; the process printed:%n%s"
                                .formatted(
                                        what, status, String.join(System.lineSeparator(), output)));
            }
            return result;
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IllegalStateException("interrupted during " + what, e);
        } finally {
            process.destroy();
        }
    }

    private List<String> command(Class<?> program, List<String> options, String... arguments) {
        var command = new ArrayList<String>();
        command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
        command.add("--enable-native-access=ALL-UNNAMED");
        for (var name : PASSED_ON) {
            if (System.getProperty(name) != null) {
                command.add("-D" + name + "=" + System.getProperty(name));
            }
        }
        var virtual = System.getProperty(VIRTUAL_KERNELS);
        if (driver == StartUp.Driver.VIRTUAL && virtual != null) {
            command.add("-D" + KERNELS + "=" + virtual);
        }
        command.addAll(options);
        command.addAll(List.of("-cp", classPath, program.getName()));
        command.addAll(List.of(arguments));
        return command;
    }
}
