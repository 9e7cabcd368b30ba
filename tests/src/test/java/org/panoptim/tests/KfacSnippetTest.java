package org.panoptim.tests;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.panoptim.Optimizer;
import org.panoptim.backend.Backend;
import org.panoptim.kfac.Batch;
import org.panoptim.kfac.Fallback;
import org.panoptim.kfac.Kfac;
import org.panoptim.kfac.RefreshReport;
import org.panoptim.parameter.Parameter;
import org.panoptim.rule.SGD;
import org.panoptim.tensor.Shape;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;

/** The code that docs/kfac.md shows of K-FAC, compiled and run. */
class KfacSnippetTest {

    private static RefreshReport step(
            Backend backend,
            Parameter weight,
            Parameter bias,
            MemorySegment inputs,
            MemorySegment outputGradients) {
        // snippet:start
        try (var kfac =
                        Kfac.builder(backend)
                                .layer("encoder", weight, bias)
                                .damping(1e-3)
                                .klClip(2e-2)
                                .build();
                var optimizer =
                        Optimizer.builder(SGD.withLearningRate(0.3).withMomentum(0.9))
                                .group("all", List.of(weight, bias))
                                .transform(kfac)
                                .backend(backend)
                                .build()) {
            kfac.accumulate("encoder", inputs, outputGradients, Batch.mean());
            optimizer.step();
            return kfac.report().orElseThrow();
        }
        // snippet:end
    }

    @Test
    void theSnippetPreconditionsAStep() {
        try (var arena = Arena.ofShared();
                var backend = Backend.named("reference")) {
            var weight = Parameter.of("weight", Shape.of(2, 3), arena.allocate(24, 64));
            var bias = Parameter.of("bias", Shape.of(2), arena.allocate(8, 64));
            weight.gradient(arena.allocateFrom(ValueLayout.JAVA_FLOAT, 1, 2, 3, 4, 5, 6));
            bias.gradient(arena.allocateFrom(ValueLayout.JAVA_FLOAT, 1, -1));
            var inputs = arena.allocateFrom(ValueLayout.JAVA_FLOAT, 1, 2, 3, 2, 1, 0);
            var outputGradients = arena.allocateFrom(ValueLayout.JAVA_FLOAT, 1, -1, .5f, 2);

            var report = step(backend, weight, bias, inputs, outputGradients);

            assertThat(report.factors()).hasSize(2);
            assertThat(report.factors())
                    .allSatisfy(factor -> assertThat(factor.fallback()).isEqualTo(Fallback.NONE));
            assertThat(report.largestError()).isBetween(0.0, 0.25);
        }
    }
}
