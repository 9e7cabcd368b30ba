package org.panoptim.tests.cuda;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.panoptim.Optimizer;
import org.panoptim.StepReport;
import org.panoptim.cuda.CudaFfmProvider;
import org.panoptim.cuda.CudaOptions;
import org.panoptim.parameter.Parameter;
import org.panoptim.rule.AdamW;
import org.panoptim.step.LossScale;
import org.panoptim.tensor.Shape;

import java.util.List;

/** The code for GPUs that docs/backends.md shows, compiled and run. */
@Tag("virtual-gpu")
class GpuSnippetTest {

    @Test
    void theSnippetTakesAStep() {
        try (var owner = Implementation.FFM.device()) {
            long stream = owner.driver().createStream();
            assertThat(step(stream).step()).isEqualTo(1);
            owner.driver().destroyStream(stream);
        }
    }

    private static StepReport step(long stream) {
        // snippet:start
        try (var backend = CudaFfmProvider.open(CudaOptions.defaults().withStream(stream));
                var value = backend.allocate(4 * 1024);
                var gradient = backend.allocate(4 * 1024)) {
            var parameter = Parameter.of("w", Shape.of(1024), value.memory());
            parameter.gradient(gradient.memory());
            try (var optimizer =
                            Optimizer.builder(AdamW.withLearningRate(3e-4))
                                    .group("all", List.of(parameter))
                                    .lossScale(LossScale.dynamic())
                                    .backend(backend)
                                    .build();
                    var graph = optimizer.capture()) {
                graph.launch(); // the whole step as one CUDA graph
                return optimizer.report(); // waits for it
            }
        }
        // snippet:end
    }
}
