package org.panoptim.tests;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.panoptim.Optimizer;
import org.panoptim.backend.Backend;
import org.panoptim.memory.HostMemory;
import org.panoptim.parameter.Parameter;
import org.panoptim.rule.Rules;
import org.panoptim.tensor.Shape;

import java.lang.foreign.Arena;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.List;

/** The code that docs/training.md shows of Muon, compiled and run. */
class MuonSnippetTest {

    private static Parameter parameter(Arena arena, String name, Shape shape) {
        var ones = new float[Math.toIntExact(shape.elements())];
        Arrays.fill(ones, 1);
        return Parameter.of(name, shape, arena.allocateFrom(ValueLayout.JAVA_FLOAT, ones))
                .gradient(arena.allocateFrom(ValueLayout.JAVA_FLOAT, ones));
    }

    private static float first(Parameter parameter) {
        var memory = (HostMemory) parameter.value();
        return memory.segment().get(ValueLayout.JAVA_FLOAT, 0);
    }

    @Test
    void theSnippetTakesAStep() {
        try (var arena = Arena.ofShared();
                var backend = Backend.best()) {
            var weight = parameter(arena, "weight", Shape.of(2, 2));
            var embedding = parameter(arena, "embedding", Shape.of(5, 2));
            var output = parameter(arena, "output", Shape.of(3, 2));
            var bias = parameter(arena, "bias", Shape.of(2));
            // snippet:start
            try (var optimizer =
                    Optimizer.builder(Rules.muon(0.02))
                            .group("hidden", List.of(weight))
                            .group("others", List.of(embedding, output, bias), Rules.adamW(3e-4))
                            .backend(backend)
                            .build()) {
                optimizer.step();
            }
            // snippet:end
            // AdamW moves by its learning rate, and decays by a hundredth of that.
            for (var other : List.of(embedding, output, bias)) {
                assertThat(first(other)).isBetween(0.99969f, 0.9997f);
            }
            // The only singular value is brought near 1, a half for each of the four elements.
            assertThat(first(weight)).isBetween(1 - 0.002f - 0.0125f, 1 - 0.002f - 0.0065f);
        }
    }
}
