package org.panoptim.tests;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.panoptim.Backend;
import org.panoptim.Optimizer;
import org.panoptim.Parameter;
import org.panoptim.Schedule;
import org.panoptim.Shape;
import org.panoptim.rule.AdamW;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/** The code that README shows, compiled and run. */
class ReadmeSnippetTest {

    private static final Path SOURCE =
            Path.of("tests/src/test/java/org/panoptim/tests/ReadmeSnippetTest.java");

    @Test
    void theSnippetTakesAStep() {
        try (var arena = Arena.ofShared()) {
            var weight = arena.allocateFrom(ValueLayout.JAVA_FLOAT, 1, 2, 3, 4, 5, 6);
            var bias = arena.allocateFrom(ValueLayout.JAVA_FLOAT, 1, 2);
            var matrices = List.of(Parameter.of("weight", Shape.of(2, 3), weight));
            var vectors = List.of(Parameter.of("bias", Shape.of(2), bias));
            matrices.getFirst().gradient(arena.allocate(weight.byteSize(), Float.BYTES));
            vectors.getFirst().gradient(arena.allocateFrom(ValueLayout.JAVA_FLOAT, 0.5f, -0.5f));
            // snippet:start
            try (var backend = Backend.best();
                    var optimizer =
                            Optimizer.builder(AdamW.withLearningRate(3e-4))
                                    .group("decay", matrices, rule -> rule.withWeightDecay(0.1))
                                    .group("no decay", vectors, rule -> rule.withWeightDecay(0))
                                    .schedule(Schedule.warmupCosine(100, 10_000))
                                    .clipGlobalNorm(1.0)
                                    .backend(backend)
                                    .build()) {
                optimizer.step();
            }
            // snippet:end
            // In the first of 100 steps of warm-up the rate is 3e-6: too little for the matrix,
            // whose gradient is zero, to decay by a rounding, but not for the vector.
            assertThat(weight.getAtIndex(ValueLayout.JAVA_FLOAT, 5)).isEqualTo(6 - 3e-7f * 6);
            assertThat(bias.getAtIndex(ValueLayout.JAVA_FLOAT, 0)).isBetween(0.99999f, 0.999998f);
            assertThat(bias.getAtIndex(ValueLayout.JAVA_FLOAT, 1)).isBetween(2.000002f, 2.00001f);
        }
    }

    /** Line breaks and indents aside: the formatter's are not those of a page. */
    @Test
    void readmeShowsExactlyTheSnippet() throws IOException {
        var source = Files.readString(Project.root().resolve(SOURCE));
        var snippet = between(source, "// snippet:" + "start", "// snippet:" + "end");
        var readme = Files.readString(Project.root().resolve("README.md"));
        var shown = between(readme, "<!-- snippet: " + SOURCE + " -->\n```java", "```");
        assertThat(withoutSpace(shown)).isEqualTo(withoutSpace(snippet));
    }

    private static String between(String text, String start, String end) {
        int from = text.indexOf(start);
        assertThat(from).as("where '%s' stands", start).isNotNegative();
        int to = text.indexOf(end, from + start.length());
        assertThat(to).as("where '%s' stands after it", end).isNotNegative();
        return text.substring(from + start.length(), to);
    }

    private static String withoutSpace(String text) {
        return text.replaceAll("\\s", "");
    }
}
