package org.panoptim.reference;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.panoptim.parameter.Tensors.gradient;
import static org.panoptim.parameter.Tensors.gradientValues;
import static org.panoptim.parameter.Tensors.vector;

import org.junit.jupiter.api.Test;
import org.panoptim.backend.Backend;
import org.panoptim.parameter.ParameterGroup;
import org.panoptim.rule.SGD;
import org.panoptim.spi.ArenaSet;
import org.panoptim.spi.PartialChangeException;

import java.lang.foreign.Arena;
import java.util.List;

/** Zeroing all gradients, one after the other. */
class ZeroGradientsTest {

    @Test
    void whereAnArenaIsClosedInTheMiddleItSaysThatOthersWereZeroed() {
        var first = gradient(vector("first", 0, 0), 1, 2);
        var second = vector("second", 0, 0);
        var plan =
                Plans.of(
                        new ParameterGroup("all", SGD.withLearningRate(1), List.of(first, second)));
        try (var backend = Backend.named("reference");
                var execution = backend.open(plan)) {
            var arena = Arena.ofShared();
            second.gradient(arena.allocate(2L * Float.BYTES, Float.BYTES));
            execution.bind(new ArenaSet());
            arena.close();
            assertThatThrownBy(execution::zeroGradients)
                    .isInstanceOf(PartialChangeException.class)
                    .hasMessage("zeroing the gradients failed half way")
                    .hasCauseInstanceOf(IllegalStateException.class);
            assertThat(gradientValues(first)).containsOnly(0);
        }
    }
}
