package org.panoptim.tests.packaged;

import com.google.gson.Gson;

import org.panoptim.tests.Project;

import java.io.File;
import java.io.IOException;
import java.net.URISyntaxException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * A consumer's project in a folder outside of the source tree: some jars, and a program that is
 * compiled against them and run in another process.
 */
final class ConsumerProject {

    private static final String MODULE =
            """
            module consumer {
                requires org.panoptim;
            }
            """;

    private static final String PROGRAM =
            """
            package consumer;

            import org.panoptim.backend.Backends;
            import org.panoptim.Optimizer;
            import org.panoptim.parameter.Parameter;
            import org.panoptim.tensor.Shape;
            import org.panoptim.rule.AdamW;

            import java.lang.foreign.Arena;
            import java.lang.foreign.ValueLayout;
            import java.util.List;

            public final class Main {
                public static void main(String[] arguments) {
                    try (var arena = Arena.ofShared()) {
                        var value = arena.allocateFrom(ValueLayout.JAVA_FLOAT, 1, -2, 3);
                        var gradient = arena.allocateFrom(ValueLayout.JAVA_FLOAT, 0, 10, -7);
                        var weight = Parameter.of("weight", Shape.of(3), value).gradient(gradient);
                        try (var optimizer =
                                Optimizer.builder(AdamW.withLearningRate(0.25).withWeightDecay(0.5))
                                        .group("all", List.of(weight))
                                        .build()) {
                            optimizer.step();
                            System.out.println("backend " + optimizer.backend().name());
                        }
                        for (float element : value.toArray(ValueLayout.JAVA_FLOAT)) {
                            System.out.println("element " + element);
                        }
                        Backends.explain().forEach(System.out::println);
                    }
                }
            }
            """;

    private final Path folder;
    private final Path jars;
    private final Path classes;

    /** Copies these jars of ours, and the library that they need, into the folder. */
    ConsumerProject(Path folder, String... names) throws IOException, URISyntaxException {
        this.folder = folder;
        this.jars = Files.createDirectory(folder.resolve("jars"));
        this.classes = folder.resolve("classes");
        for (var name : names) {
            copy(jar(name));
        }
        copy(Path.of(Gson.class.getProtectionDomain().getCodeSource().getLocation().toURI()));
    }

    /** A jar as the build has packaged it. */
    static Path jar(String name) {
        var file = "panoptim-" + name + "-" + System.getProperty("panoptim.version") + ".jar";
        return Project.root().resolve(folderOf(name)).resolve("target").resolve(file);
    }

    private static String folderOf(String name) {
        return switch (name) {
            case "natives" -> "native";
            case "kernels" -> "kernels";
            default -> "java/" + name;
        };
    }

    private void copy(Path jar) throws IOException {
        Files.copy(jar, jars.resolve(jar.getFileName()));
    }

    /** Compiles and runs as a module; returns the lines that the program prints. */
    List<String> runAsModule() throws IOException, InterruptedException {
        compile(List.of("--module-path", jars.toString()), true);
        return java(
                "--enable-native-access=org.panoptim.abi,org.panoptim.simd",
                "--module-path",
                jars + File.pathSeparator + classes,
                "--module",
                "consumer/consumer.Main");
    }

    /** Compiles and runs on the class path; returns the lines that the program prints. */
    List<String> runOnClassPath() throws IOException, InterruptedException {
        compile(List.of("--class-path", jars + "/*"), false);
        return java(
                "--enable-native-access=ALL-UNNAMED",
                "--class-path",
                jars + "/*" + File.pathSeparator + classes,
                "consumer.Main");
    }

    private void compile(List<String> path, boolean module)
            throws IOException, InterruptedException {
        var sources = Files.createDirectories(folder.resolve("consumer"));
        var command = new ArrayList<>(List.of(tool("javac"), "-d", classes.toString()));
        command.addAll(path);
        command.add(Files.writeString(sources.resolve("Main.java"), PROGRAM).toString());
        if (module) {
            var descriptor = sources.resolve("module-info.java");
            command.add(Files.writeString(descriptor, MODULE).toString());
        }
        run(command);
    }

    private List<String> java(String... arguments) throws IOException, InterruptedException {
        var command = new ArrayList<String>();
        command.add(tool("java"));
        // The user's cache is left alone.
        command.add("-Dpanoptim.cache=" + folder.resolve("cache"));
        command.addAll(List.of(arguments));
        return run(command);
    }

    private static String tool(String name) {
        return Path.of(System.getProperty("java.home"), "bin", name).toString();
    }

    private List<String> run(List<String> command) throws IOException, InterruptedException {
        var builder =
                new ProcessBuilder(command).directory(folder.toFile()).redirectErrorStream(true);
        builder.environment()
                .keySet()
                .removeIf(name -> name.startsWith("PANOPTIM_") || name.equals("JAVA_TOOL_OPTIONS"));
        var process = builder.start();
        var output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        if (process.waitFor() != 0) {
            throw new AssertionError(String.join(" ", command) + "\n" + output);
        }
        return output.lines().toList();
    }
}
