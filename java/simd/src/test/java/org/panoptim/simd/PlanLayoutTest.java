package org.panoptim.simd;

import static org.assertj.core.api.Assertions.assertThat;

import static java.lang.foreign.ValueLayout.JAVA_LONG;

import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.panoptim.abi.PlanKernels;
import org.panoptim.abi.PlanLayout;
import org.panoptim.abi.bindings.panoptim_chunk;
import org.panoptim.abi.bindings.panoptim_group;
import org.panoptim.abi.bindings.panoptim_plan;
import org.panoptim.abi.bindings.panoptim_prepared;
import org.panoptim.abi.bindings.panoptim_tensor;
import org.panoptim.parameter.Parameter;
import org.panoptim.parameter.ParameterGroup;
import org.panoptim.rule.AdamW;
import org.panoptim.rule.Lion;
import org.panoptim.tensor.Shape;

import java.lang.foreign.Arena;
import java.util.List;
import java.util.TreeMap;
import java.util.stream.IntStream;

/** The tables of a plan have the sizes of the C structures, and none overlaps another. */
class PlanLayoutTest {

    private static final long BASE = 1 << 20;
    private static final long CONTROL = 16;
    private static final long SCHEDULE = 32;
    private static final int OWN = 100;

    private static List<Parameter> parameters(Arena arena, String name, int... sizes) {
        return IntStream.range(0, sizes.length)
                .mapToObj(
                        i ->
                                Parameter.of(
                                        name + i,
                                        Shape.of(sizes[i]),
                                        arena.allocate((long) Float.BYTES * sizes[i], 64)))
                .toList();
    }

    @BeforeAll
    static void loadTheLibrary() {
        assertThat(SimdBackend.usableTiers()).isNotEmpty();
    }

    @Test
    void everyTableHasRoomOfItsOwn() {
        try (var arena = Arena.ofConfined()) {
            var groups =
                    List.of(
                            new ParameterGroup(
                                    "one", AdamW.defaults(), parameters(arena, "a", 5, 100_000)),
                            new ParameterGroup("none", Lion.defaults(), List.of()),
                            new ParameterGroup(
                                    "two", Lion.defaults(), parameters(arena, "b", 0, 4097, 1)));
            var layout = new PlanLayout(new PlanKernels(groups, SimdBackend.registry()), 4096, OWN);
            var plan = panoptim_plan.allocate(arena);
            layout.describe(plan, BASE, CONTROL, SCHEDULE, 7);

            // 1 + 25 + 0 + 2 + 1 chunks.
            assertThat(panoptim_plan.chunk_count(plan))
                    .isEqualTo(29)
                    .isEqualTo(layout.chunkCount());
            assertThat(panoptim_plan.group_count(plan)).isEqualTo(3);
            assertThat(panoptim_plan.tensor_count(plan)).isEqualTo(5);
            assertThat(panoptim_plan.chunk_elements(plan)).isEqualTo(4096);
            assertThat(panoptim_plan.schedule_entries(plan)).isEqualTo(7);
            assertThat(plan.get(JAVA_LONG, panoptim_plan.control$offset())).isEqualTo(CONTROL);
            assertThat(plan.get(JAVA_LONG, panoptim_plan.schedule$offset())).isEqualTo(SCHEDULE);

            // By the headers of the structures: offset in the plan, and bytes.
            var sizes = new TreeMap<Long, Long>();
            sizes.put(panoptim_plan.groups$offset(), 3 * panoptim_group.sizeof());
            sizes.put(panoptim_plan.tensors$offset(), 5 * panoptim_tensor.sizeof());
            sizes.put(panoptim_plan.chunks$offset(), 29 * panoptim_chunk.sizeof());
            sizes.put(panoptim_plan.gradients$offset(), 5L * 8);
            sizes.put(panoptim_plan.curvatures$offset(), 5L * 8);
            sizes.put(panoptim_plan.counts$offset(), 5L * 8);
            sizes.put(panoptim_plan.prepared$offset(), 6 * panoptim_prepared.sizeof());
            sizes.put(panoptim_plan.prepared_index$offset(), 5L * 4);
            sizes.put(panoptim_plan.partials$offset(), 29L * 8 * 8);
            sizes.put(panoptim_plan.totals$offset(), 5L * 8 * 9);
            var ends = new TreeMap<Long, Long>();
            sizes.forEach(
                    (offset, bytes) -> {
                        long begin = plan.get(JAVA_LONG, offset) - BASE;
                        assertThat(begin % PlanLayout.ALIGNMENT).isZero();
                        assertThat(ends.put(begin, begin + bytes)).isNull();
                    });
            assertThat(ends.put(layout.extra().offset(), layout.extra().offset() + OWN)).isNull();
            long last = 0;
            for (var table : ends.entrySet()) {
                assertThat(table.getKey()).isGreaterThanOrEqualTo(last);
                last = table.getValue();
            }
            assertThat(layout.bytes()).isGreaterThanOrEqualTo(last);
            assertThat(layout.hostBytes())
                    .isGreaterThanOrEqualTo(
                            layout.curvatures().offset() + layout.curvatures().bytes())
                    .isLessThanOrEqualTo(layout.counts().offset());
        }
    }
}
