package org.panoptim.tests;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.panoptim.Optimizer;
import org.panoptim.backend.Backend;
import org.panoptim.parameter.Parameter;
import org.panoptim.rule.AdamW;
import org.panoptim.schedule.Schedule;
import org.panoptim.tensor.Shape;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.ValueLayout;
import java.util.List;

/** The code that README shows, compiled and run. */
class ReadmeSnippetTest {

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

    @Test
    void readmeShowsExactlyTheSnippet() throws IOException {
        ReadmeSnippet.of(ReadmeSnippetTest.class).assertShown();
    }
}
