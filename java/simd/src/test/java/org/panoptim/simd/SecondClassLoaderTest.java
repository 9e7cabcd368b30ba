package org.panoptim.simd;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.panoptim.Optimizer;
import org.panoptim.backend.Backend;
import org.panoptim.parameter.Parameter;
import org.panoptim.rule.AdamW;
import org.panoptim.tensor.Shape;

import java.io.File;
import java.lang.foreign.Arena;
import java.lang.foreign.ValueLayout;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Supplier;

/** Several copies of the library in one process, as servers and build tools load them. */
class SecondClassLoaderTest {

    /** Takes a step on the best backend, and tells its name and the parameter's value. */
    public static final class Step implements Supplier<String> {

        @Override
        public String get() {
            try (var arena = Arena.ofConfined()) {
                var value = arena.allocateFrom(ValueLayout.JAVA_FLOAT, 1);
                var gradient = arena.allocateFrom(ValueLayout.JAVA_FLOAT, 1);
                var parameter = Parameter.of("w", Shape.of(1), value).gradient(gradient);
                try (var backend = Backend.best();
                        var optimizer =
                                Optimizer.builder(AdamW.withLearningRate(0.25).withWeightDecay(0.5))
                                        .group("all", List.of(parameter))
                                        .backend(backend)
                                        .build()) {
                    optimizer.step();
                    return backend.name() + " " + value.get(ValueLayout.JAVA_FLOAT, 0);
                }
            }
        }
    }

    @Test
    void eachComputesOnTheSimdBackend() throws Exception {
        assertThat(new Step().get()).isEqualTo("simd 0.625");
        for (int i = 0; i < 2; i++) {
            try (var loader =
                    new URLClassLoader(classPath(), ClassLoader.getPlatformClassLoader())) {
                var step =
                        (Supplier<?>)
                                loader.loadClass(Step.class.getName())
                                        .getConstructor()
                                        .newInstance();
                assertThat(step.getClass()).isNotEqualTo(Step.class);
                assertThat(step.get()).isEqualTo("simd 0.625");
            }
        }
    }

    private static URL[] classPath() throws Exception {
        var urls = new ArrayList<URL>();
        for (var entry : System.getProperty("java.class.path").split(File.pathSeparator)) {
            urls.add(Path.of(entry).toUri().toURL());
        }
        return urls.toArray(URL[]::new);
    }
}
