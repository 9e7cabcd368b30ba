package org.panoptim.cuda.driver;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.panoptim.cuda.driver.bindings.LibCublas;
import org.panoptim.cuda.driver.bindings.LibCuda;
import org.panoptim.cuda.driver.bindings.LibNccl;

import java.io.IOException;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Pattern;

/**
 * jextract's arguments and what it made of them name the same things, and what is called of them is
 * in every driver that is taken.
 */
class BindingsTest {

    /** A function of the driver, by the version of CUDA that brought it in that form. */
    private static final Pattern SINCE = Pattern.compile("\\(CUDAAPI \\*PFN_(cu\\w+)_v(\\d+)\\)");

    /** Where the project looks a function up. */
    private static final Pattern LOOKED_UP =
            Pattern.compile("DriverCalls\\s*\\.\\s*(?:call|function)\\(\\s*\"(cu\\w+)\"");

    private static List<String> requested(String file) throws IOException {
        var folder = Path.of(System.getProperty("basedir", ""), "src/main/jextract");
        return Files.readAllLines(folder.resolve(file + ".jextract")).stream()
                .filter(line -> line.startsWith("--include-"))
                .filter(line -> !line.startsWith("--include-struct"))
                .map(line -> line.substring(line.indexOf(' ') + 1))
                .toList();
    }

    @ParameterizedTest
    @CsvSource({"cuda, 40", "cublas, 6", "nccl, 12"})
    void theBindingsHaveExactlyWhatTheArgumentsAskFor(String file, int atLeast) throws IOException {
        var requested = requested(file);
        var binding =
                switch (file) {
                    case "cuda" -> LibCuda.class;
                    case "cublas" -> LibCublas.class;
                    default -> LibNccl.class;
                };
        assertThat(requested).hasSizeGreaterThan(atLeast);
        assertThat(
                        Arrays.stream(binding.getDeclaredMethods())
                                .filter(method -> Modifier.isPublic(method.getModifiers()))
                                .map(Method::getName)
                                .filter(name -> !name.contains("$"))
                                .distinct())
                .containsExactlyInAnyOrderElementsOf(requested);
    }

    /** The functions of the driver that are looked up by name. */
    private static Set<String> called() throws IOException {
        var names = new TreeSet<String>();
        var folder = Path.of(System.getProperty("basedir", ""), "src/main/java/org/panoptim/cuda");
        try (var files = Files.walk(folder)) {
            for (var file : files.filter(each -> each.toString().endsWith(".java")).toList()) {
                var matcher = LOOKED_UP.matcher(Files.readString(file));
                while (matcher.find()) {
                    names.add(matcher.group(1));
                }
            }
        }
        return names;
    }

    /** NVIDIA's header names functions with the version that brought each of their forms. */
    @Test
    void theOldestDriverThatIsTakenHasEveryFunction() throws IOException {
        var home = Optional.ofNullable(System.getenv("CUDA_HOME")).orElse("/usr/local/cuda");
        var header = Path.of(home, "include/cudaTypedefs.h");
        assumeThat(header).as("CUDA's header").exists();
        var forms = new HashMap<String, TreeSet<Integer>>();
        var matcher = SINCE.matcher(Files.readString(header));
        while (matcher.find()) {
            forms.computeIfAbsent(matcher.group(1), _ -> new TreeSet<>())
                    .add(Integer.parseInt(matcher.group(2)));
        }
        var functions = called();
        assertThat(functions).hasSizeGreaterThan(40).contains("cuLaunchKernel");
        for (var function : functions) {
            // cuMemAlloc_v2 is the second form of cuMemAlloc.
            var parts = function.split("_v");
            int form = parts.length == 1 ? 1 : Integer.parseInt(parts[1]);
            var versions = List.copyOf(forms.getOrDefault(parts[0], new TreeSet<>()));
            assertThat(versions).as(function).hasSizeGreaterThanOrEqualTo(form);
            assertThat(versions.get(form - 1))
                    .as(function)
                    .isLessThanOrEqualTo(CudaProbe.MINIMUM_VERSION);
        }
    }
}
