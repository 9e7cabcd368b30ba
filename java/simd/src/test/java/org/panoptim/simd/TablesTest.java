package org.panoptim.simd;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.panoptim.abi.PlanKernels;
import org.panoptim.abi.bindings.panoptim_control;
import org.panoptim.parameter.Parameter;
import org.panoptim.parameter.ParameterGroup;
import org.panoptim.rule.SGD;
import org.panoptim.spi.HostStates;
import org.panoptim.spi.Lent;
import org.panoptim.spi.Shares;
import org.panoptim.tensor.Shape;

import java.lang.foreign.Arena;
import java.util.List;
import java.util.stream.IntStream;

class TablesTest {

    @BeforeAll
    static void loadTheLibrary() {
        assertThat(SimdBackend.usableTiers()).isNotEmpty();
    }

    /** Spans are small enough for several threads, and never smaller than some microseconds. */
    @ParameterizedTest
    @CsvSource({
        // 64 tensors are 4096 elements, the least.
        "2000, 64, 32",
        "1, 100, 1",
        "3, 4096, 3",
        "2, 65536, 2",
        // More than 32 chunks of 65536: one each.
        "1, 6553600, 100",
    })
    void aStepHasSpansForSeveralThreads(int tensors, long elements, int spans) {
        try (var arena = Arena.ofConfined();
                var states = new HostStates()) {
            var parameters =
                    IntStream.range(0, tensors)
                            .mapToObj(
                                    i ->
                                            Parameter.of(
                                                    "p" + i,
                                                    Shape.of(elements),
                                                    arena.allocate(Float.BYTES * elements, 64)))
                            .toList();
            var groups = List.of(new ParameterGroup("all", SGD.defaults(), parameters));
            states.addMissing(groups);
            try (var tables =
                    new Tables(
                            new PlanKernels(groups, SimdBackend.registry()),
                            states,
                            Lent.nothing(),
                            Shares.whole(),
                            panoptim_control.allocate(arena))) {
                assertThat(tables.spans().count()).isEqualTo(spans);
                long next = 0;
                for (int span = 0; span < spans; span++) {
                    assertThat(tables.spans().from(span)).isEqualTo(next);
                    next = tables.spans().to(span);
                    assertThat(next).isGreaterThan(tables.spans().from(span));
                }
            }
        }
    }
}
