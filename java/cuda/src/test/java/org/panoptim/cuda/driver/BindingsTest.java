package org.panoptim.cuda.driver;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.panoptim.cuda.driver.bindings.LibCublas;
import org.panoptim.cuda.driver.bindings.LibCuda;

import java.io.IOException;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;

/** jextract's arguments and what it made of them name the same things. */
class BindingsTest {

    @ParameterizedTest
    @CsvSource({"cuda, 40", "cublas, 6"})
    void theBindingsHaveExactlyWhatTheArgumentsAskFor(String file, int atLeast) throws IOException {
        var folder = Path.of(System.getProperty("basedir", ""), "src/main/jextract");
        var asked =
                Files.readAllLines(folder.resolve(file + ".jextract")).stream()
                        .filter(line -> line.startsWith("--include-"))
                        .map(line -> line.substring(line.indexOf(' ') + 1))
                        .toList();
        var binding = file.equals("cuda") ? LibCuda.class : LibCublas.class;
        assertThat(asked).hasSizeGreaterThan(atLeast);
        assertThat(
                        Arrays.stream(binding.getDeclaredMethods())
                                .filter(method -> Modifier.isPublic(method.getModifiers()))
                                .map(Method::getName)
                                .filter(name -> !name.contains("$"))
                                .distinct())
                .containsExactlyInAnyOrderElementsOf(asked);
    }
}
