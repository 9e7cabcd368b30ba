package org.panoptim.cuda.driver;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.SymbolLookup;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** What the virtual GPU offers beside CUDA, and processes of their own with or without it. */
public final class VirtualGpu {

    private VirtualGpu() {}

    /** Makes the next call of a function of the driver fail with a code, once. */
    public static void failNext(String function, int code) {
        try (var arena = Arena.ofConfined()) {
            var symbol =
                    SymbolLookup.libraryLookup("libcuda.so.1", arena)
                            .find("panoptimVirtualFail")
                            .orElseThrow();
            var descriptor =
                    FunctionDescriptor.of(
                            ValueLayout.JAVA_INT,
                            ValueLayout.ADDRESS,
                            ValueLayout.JAVA_INT,
                            ValueLayout.JAVA_INT);
            int _ =
                    (int)
                            Linker.nativeLinker()
                                    .downcallHandle(symbol, descriptor)
                                    .invokeExact(arena.allocateFrom(function), code, 1);
        } catch (Throwable e) {
            throw new AssertionError(e);
        }
    }

    /** The output of a main class run with these environment variables; a value "" unsets one. */
    public static String run(Class<?> main, Map<String, String> environment, String... jvmArguments)
            throws IOException, InterruptedException {
        var command = new ArrayList<String>();
        command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
        command.add("--enable-native-access=ALL-UNNAMED");
        for (var property : List.of("java.io.tmpdir", "panoptim.cache")) {
            if (System.getProperty(property) != null) {
                command.add("-D" + property + "=" + System.getProperty(property));
            }
        }
        command.addAll(List.of("-cp", System.getProperty("java.class.path")));
        // The last of several class paths counts.
        command.addAll(List.of(jvmArguments));
        command.add(main.getName());
        var builder = new ProcessBuilder(command).redirectErrorStream(true);
        builder.environment().remove("JAVA_TOOL_OPTIONS");
        environment.forEach(
                (name, value) -> {
                    if (value.isEmpty()) {
                        builder.environment().remove(name);
                    } else {
                        builder.environment().put(name, value);
                    }
                });
        var process = builder.start();
        var output = process.getInputStream().readAllBytes();
        process.waitFor();
        return new String(output, StandardCharsets.UTF_8);
    }

    /** Prints what a probe found, for a process of its own. */
    public static void print(CudaProbe probe) {
        System.out.println("available: " + probe.available());
        System.out.println("summary: " + probe.summary());
        probe.tried().forEach(line -> System.out.println("tried: " + line));
    }
}
