package org.panoptim.tests;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.panoptim.Optimizer;
import org.panoptim.parameter.Output;
import org.panoptim.parameter.Parameter;
import org.panoptim.rule.SAM;
import org.panoptim.rule.SGD;
import org.panoptim.tensor.BFloat16;
import org.panoptim.tensor.DType;
import org.panoptim.tensor.Shape;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;

/** The loop that docs/training.md shows, compiled and run. */
class LoopSnippetTest {

    private static final int ELEMENTS = 6;

    @Test
    void theLoopTakesAStepThatTheModelSees() {
        try (var arena = Arena.ofShared()) {
            var model = new Model(arena);
            train(arena, model, 1);

            // SAM's gradient is the one at 3 + 0.05 / sqrt(6): twice the value as the model has it.
            float moved = BFloat16.toFloat(BFloat16.of(3 + 0.05f / (float) Math.sqrt(ELEMENTS)));
            float stepped = 3 - 0.1f * (2 * moved);
            for (int i = 0; i < ELEMENTS; i++) {
                assertThat(model.weight(i)).isEqualTo(BFloat16.toFloat(BFloat16.of(stepped)));
            }
        }
    }

    private static void train(Arena arena, Model model, int batches) {
        // snippet:start
        var master = arena.allocateFrom(ValueLayout.JAVA_FLOAT, 3, 3, 3, 3, 3, 3);
        var weight =
                Parameter.of("weight", Shape.of(2, 3), master)
                        .copiedTo(new Output(DType.BF16, model.weights()))
                        .gradient(model.gradients());
        try (var optimizer =
                Optimizer.builder(SGD.withLearningRate(0.1))
                        .group("all", List.of(weight))
                        .companion(SAM.withRho(0.05))
                        .build()) {
            for (int batch = 0; batch < batches; batch++) {
                model.backward(batch);
                optimizer.run(SAM.PERTURB);
                try {
                    model.backward(batch);
                } finally {
                    optimizer.run(SAM.RESTORE);
                }
                optimizer.step();
            }
        }
        // snippet:end
    }

    /** The squares of weights in bfloat16, summed. */
    private record Model(MemorySegment weights, MemorySegment gradients) {

        Model(Arena arena) {
            this(
                    arena.allocate(ELEMENTS * DType.BF16.byteSize(), 64),
                    arena.allocate(ELEMENTS * DType.F32.byteSize(), 64));
            for (int i = 0; i < ELEMENTS; i++) {
                weights.setAtIndex(ValueLayout.JAVA_SHORT, i, BFloat16.of(3));
            }
        }

        float weight(int index) {
            return BFloat16.toFloat(weights.getAtIndex(ValueLayout.JAVA_SHORT, index));
        }

        void backward(int batch) {
            assertThat(batch).isZero();
            for (int i = 0; i < ELEMENTS; i++) {
                gradients.setAtIndex(ValueLayout.JAVA_FLOAT, i, 2 * weight(i));
            }
        }
    }
}
