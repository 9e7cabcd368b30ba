package org.panoptim.tests;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.panoptim.Optimizer;
import org.panoptim.backend.Backend;
import org.panoptim.parameter.Parameter;
import org.panoptim.rule.AdamW;
import org.panoptim.schedule.Schedule;
import org.panoptim.tensor.Shape;

import java.lang.foreign.Arena;
import java.lang.foreign.ValueLayout;
import java.util.List;

/** The code that docs/training.md shows, compiled and run. */
class TrainingSnippetTest {

    @Test
    void theSnippetTakesAStep() {
        try (var arena = Arena.ofShared()) {
            var weightValues = arena.allocateFrom(ValueLayout.JAVA_FLOAT, 1, 2, 3, 4, 5, 6);
            var weightGradients = arena.allocate(weightValues.byteSize(), Float.BYTES);
            var biasValues = arena.allocateFrom(ValueLayout.JAVA_FLOAT, 1, 2);
            var biasGradients = arena.allocateFrom(ValueLayout.JAVA_FLOAT, 0.5f, -0.5f);
            // snippet:start
            var weight =
                    Parameter.of("weight", Shape.of(2, 3), weightValues).gradient(weightGradients);
            var bias = Parameter.of("bias", Shape.of(2), biasValues).gradient(biasGradients);
            try (var backend = Backend.best();
                    var optimizer =
                            Optimizer.builder(AdamW.withLearningRate(3e-4))
                                    .group(
                                            "matrices",
                                            List.of(weight),
                                            rule -> rule.withWeightDecay(0.1))
                                    .group(
                                            "vectors",
                                            List.of(bias),
                                            rule -> rule.withWeightDecay(0))
                                    .schedule(Schedule.warmupCosine(100, 10_000))
                                    .clipGlobalNorm(1.0)
                                    .backend(backend)
                                    .build()) {
                optimizer.step();
            }
            // snippet:end
            // In the first of 100 steps of warm-up the rate is 3e-6: too little for the matrix,
            // whose gradient is zero, to decay by a rounding, but not for the vector.
            assertThat(weightValues.getAtIndex(ValueLayout.JAVA_FLOAT, 5)).isEqualTo(6 - 3e-7f * 6);
            assertThat(biasValues.getAtIndex(ValueLayout.JAVA_FLOAT, 0))
                    .isBetween(0.99999f, 0.999998f);
            assertThat(biasValues.getAtIndex(ValueLayout.JAVA_FLOAT, 1))
                    .isBetween(2.000002f, 2.00001f);
        }
    }
}
