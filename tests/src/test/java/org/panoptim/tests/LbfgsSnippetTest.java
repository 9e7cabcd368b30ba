package org.panoptim.tests;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import org.junit.jupiter.api.Test;
import org.panoptim.LBFGS;
import org.panoptim.LBFGS.LineSearch;
import org.panoptim.parameter.Parameter;
import org.panoptim.tensor.Shape;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;

/** The loop with a closure that docs/training.md shows, compiled and run. */
class LbfgsSnippetTest {

    @Test
    void theStepFindsTheMinimum() {
        try (var arena = Arena.ofShared()) {
            var model = new Model(arena);
            assertThat(train(model)).isEqualTo(0.5 * (1 + 2 * 4 + 3 * 9));
            for (int i = 0; i < 3; i++) {
                assertThat(model.weight(i)).isCloseTo(0, within(1e-5f));
            }
        }
    }

    private static double train(Model model) {
        // snippet:start
        var weight =
                Parameter.of("weight", Shape.of(3), model.weights()).gradient(model.gradients());
        try (var optimizer =
                LBFGS.builder(List.of(weight))
                        .lineSearch(LineSearch.STRONG_WOLFE)
                        .historySize(10)
                        .build()) {
            return optimizer.step(() -> model.backward()); // the loss; gradients are in place
        }
        // snippet:end
    }

    /** A parabola from (1, 2, 3), steeper from element to element. */
    private record Model(MemorySegment weights, MemorySegment gradients) {

        Model(Arena arena) {
            this(
                    arena.allocateFrom(ValueLayout.JAVA_FLOAT, 1, 2, 3),
                    arena.allocate(ValueLayout.JAVA_FLOAT, 3));
        }

        float weight(int index) {
            return weights.getAtIndex(ValueLayout.JAVA_FLOAT, index);
        }

        double backward() {
            double loss = 0;
            for (int i = 0; i < 3; i++) {
                float x = weight(i);
                gradients.setAtIndex(ValueLayout.JAVA_FLOAT, i, (i + 1) * x);
                loss += 0.5 * (i + 1) * x * x;
            }
            return loss;
        }
    }
}
