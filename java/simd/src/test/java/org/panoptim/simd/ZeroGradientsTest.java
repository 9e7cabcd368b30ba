package org.panoptim.simd;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;
import org.panoptim.parameter.Parameter;
import org.panoptim.parameter.ParameterGroup;
import org.panoptim.rule.SGD;
import org.panoptim.spi.ArenaSet;
import org.panoptim.spi.PartialChangeException;
import org.panoptim.spi.StepPlan;
import org.panoptim.tensor.Shape;

import java.lang.foreign.Arena;
import java.lang.foreign.ValueLayout;
import java.util.List;

/** Zeroing all gradients, one after the other. */
class ZeroGradientsTest {

    @Test
    void whereAnArenaIsClosedInTheMiddleItSaysThatOthersWereZeroed() {
        var arena = Arena.ofAuto();
        var first = arena.allocateFrom(ValueLayout.JAVA_FLOAT, 1, 2);
        var parameters =
                List.of(
                        Parameter.of("first", Shape.of(2), arena.allocate(8, 4)).gradient(first),
                        Parameter.of("second", Shape.of(2), arena.allocate(8, 4)));
        var plan = StepPlan.of(List.of(new ParameterGroup("all", SGD.defaults(), parameters)));
        try (var backend = SimdBackend.open(SimdOptions.defaults());
                var execution = backend.open(plan)) {
            var closed = Arena.ofShared();
            parameters.getLast().gradient(closed.allocate(8, 4));
            // As those beyond the arenas that are held at a time.
            execution.bind(new ArenaSet());
            closed.close();
            assertThatThrownBy(execution::zeroGradients)
                    .isInstanceOf(PartialChangeException.class)
                    .hasMessage("zeroing the gradients failed half way")
                    .hasCauseInstanceOf(IllegalStateException.class);
            assertThat(first.toArray(ValueLayout.JAVA_FLOAT)).containsOnly(0);
        }
    }
}
