package org.panoptim.simd;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;
import org.panoptim.Optimizer;
import org.panoptim.parameter.Parameter;
import org.panoptim.rule.SAM;
import org.panoptim.rule.SGD;
import org.panoptim.tensor.Shape;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;

/** A pass that reads no gradient runs though the arena of one was closed meanwhile. */
class ClosedGradientTest {

    private static MemorySegment gradient(Arena arena) {
        return arena.allocateFrom(ValueLayout.JAVA_FLOAT, 3, 4);
    }

    @Test
    void whatSamHasMovedIsPutBack() {
        try (var arena = Arena.ofShared();
                var backend = SimdBackend.open(SimdOptions.defaults())) {
            var value = arena.allocateFrom(ValueLayout.JAVA_FLOAT, 1, 1);
            var p = Parameter.of("p", Shape.of(2), value);
            try (var optimizer =
                    Optimizer.builder(SGD.withLearningRate(1))
                            .group("all", List.of(p))
                            .companion(SAM.withRho(1))
                            .backend(backend)
                            .build()) {
                try (var batch = Arena.ofShared()) {
                    p.gradient(gradient(batch));
                    optimizer.run(SAM.PERTURB);
                }
                assertThat(value.toArray(ValueLayout.JAVA_FLOAT)).containsExactly(1.6f, 1.8f);
                optimizer.run(SAM.RESTORE);
                assertThat(value.toArray(ValueLayout.JAVA_FLOAT)).containsExactly(1, 1);
                assertThatThrownBy(optimizer::step)
                        .isInstanceOf(IllegalStateException.class)
                        .hasMessageContaining("the arena of its gradient is closed");
                p.gradient(gradient(arena));
                optimizer.step();
                assertThat(value.toArray(ValueLayout.JAVA_FLOAT)).containsExactly(-2, -3);
            }
        }
    }
}
