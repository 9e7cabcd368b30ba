package org.panoptim.kfac;

import static org.assertj.core.api.Assertions.assertThat;
import static org.panoptim.kfac.Matrices.random;
import static org.panoptim.kfac.Matrices.scale;
import static org.panoptim.kfac.OneLayer.INPUTS;
import static org.panoptim.kfac.OneLayer.OUTPUTS;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.panoptim.Optimizer;
import org.panoptim.backend.Backend;
import org.panoptim.memory.HostMemory;
import org.panoptim.parameter.Parameter;
import org.panoptim.rule.SGD;
import org.panoptim.step.NonFinitePolicy;
import org.panoptim.tensor.Shape;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import java.util.function.UnaryOperator;

/** What is due stays due until it was done: afterwards all is as if nothing had come between. */
class DueWorkTest {

    private static final int STEPS = 25;

    private static final UnaryOperator<Kfac.Builder> SETTINGS =
            builder -> builder.damping(.01).inversePeriod(10).factorPeriod(5);

    private static OneLayer layer() {
        return new OneLayer(SETTINGS, builder -> builder.nonFinite(NonFinitePolicy.SKIP));
    }

    /** What can keep work that is due from being done. */
    enum Hindrance {
        A_REFUSED_STEP {
            @Override
            void meet(OneLayer layer) {
                layer.accumulate(random(6, INPUTS, 900), random(6, OUTPUTS, 901));
                layer.gradient(scale(Double.POSITIVE_INFINITY, random(OUTPUTS, INPUTS + 1, 902)));
                layer.optimizer.step();
            }
        },
        TWO_REFUSED_STEPS {
            @Override
            void meet(OneLayer layer) {
                A_REFUSED_STEP.meet(layer);
                A_REFUSED_STEP.meet(layer);
            }
        },
        A_REFUSED_STEP_WITHOUT_A_CONTRIBUTION {
            @Override
            void meet(OneLayer layer) {
                layer.gradient(scale(Double.NaN, random(OUTPUTS, INPUTS + 1, 902)));
                layer.optimizer.step();
            }
        };

        abstract void meet(OneLayer layer);
    }

    private static void train(OneLayer layer, int step) {
        layer.accumulate(random(6, INPUTS, step), random(6, OUTPUTS, 100 + step));
        layer.gradient(random(OUTPUTS, INPUTS + 1, 200 + step));
        layer.optimizer.step();
    }

    private static float[] values(OneLayer layer) {
        return ((HostMemory) layer.weight.value()).segment().toArray(ValueLayout.JAVA_FLOAT);
    }

    @ParameterizedTest
    @EnumSource
    void afterARefusedStepAllIsAsWithoutIt(Hindrance hindrance) {
        for (int at : new int[] {0, 1, 4, 5, 7, 9, 10, 11, 20}) {
            try (var straight = layer();
                    var hindered = layer()) {
                for (int step = 0; step < STEPS; step++) {
                    train(straight, step);
                    if (step == at) {
                        hindrance.meet(hindered);
                    }
                    train(hindered, step);
                    assertThat(values(hindered)).as("step %d", step).isEqualTo(values(straight));
                }
                assertThat(hindered.state("kfac.input_inverse"))
                        .isDeepEqualTo(straight.state("kfac.input_inverse"));
            }
        }
    }

    /** Contributions that change no factor, each in a separate step that is accepted. */
    enum Nothing {
        NONE {
            @Override
            void contribute(OneLayer layer) {}
        },
        NO_ROW_COUNTS {
            @Override
            void contribute(OneLayer layer) {
                layer.accumulate(
                        random(2, INPUTS, 900),
                        random(2, OUTPUTS, 901),
                        Batch.mean().withMask(MemorySegment.ofArray(new byte[2])));
            }
        },
        NOT_FINITE {
            @Override
            void contribute(OneLayer layer) {
                layer.accumulate(
                        scale(Double.NaN, random(2, INPUTS, 900)), random(2, OUTPUTS, 901));
            }
        };

        abstract void contribute(OneLayer layer);
    }

    @ParameterizedTest
    @EnumSource
    void theFirstFactorsAndInversesComeWithTheFirstRowsThatCount(Nothing nothing) {
        try (var straight = layer();
                var late = layer()) {
            for (int step = 0; step < 3; step++) {
                nothing.contribute(late);
                late.gradient(random(OUTPUTS, INPUTS + 1, 300 + step));
                late.optimizer.step();
                assertThat(values(late)).as("no plain gradient moves it").containsOnly(0);
                assertThat(late.kfac.layersWithoutInverse()).containsExactly("l");
                assertThat(late.kfac.factorsDue()).isTrue();
            }
            train(straight, 0);
            train(late, 0);
            assertThat(values(late)).isEqualTo(values(straight));
            assertThat(late.kfac.layersWithoutInverse()).isEmpty();
            assertThat(late.kfac.report().orElseThrow().withoutInverse()).isEmpty();
        }
    }

    @ParameterizedTest
    @EnumSource
    void aLaterUpdateAndRefreshWaitForRowsThatCount(Nothing nothing) {
        try (var layer = new OneLayer(builder -> SETTINGS.apply(builder).factorPeriod(10))) {
            for (int step = 0; step < 10; step++) {
                train(layer, step);
            }
            var before = layer.state("kfac.input_inverse");
            for (int step = 10; step < 13; step++) {
                nothing.contribute(layer);
                layer.gradient(random(OUTPUTS, INPUTS + 1, 200 + step));
                layer.optimizer.step();
                assertThat(layer.state("kfac.input_inverse")).isDeepEqualTo(before);
                assertThat(layer.kfac.factorsDue()).isTrue();
            }
            train(layer, 13);
            assertThat(layer.state("kfac.input_inverse")[0]).isNotEqualTo(before[0]);
            assertThat(layer.kfac.factorsDue()).isFalse();
        }
    }

    @Test
    void aLayerThatComesLaterIsInvertedAtOnceAndTheOthersInTheirTime() {
        try (var arena = Arena.ofConfined();
                var backend = Backend.named("reference")) {
            var first = parameter(arena, "first");
            var second = parameter(arena, "second");
            try (var kfac =
                            Kfac.builder(backend)
                                    .layer("first", first)
                                    .layer("second", second)
                                    .factorPeriod(10)
                                    .build();
                    var optimizer =
                            Optimizer.builder(SGD.withLearningRate(1))
                                    .group("first", List.of(first))
                                    .group("second", List.of(second))
                                    .transform(kfac)
                                    .backend(backend)
                                    .build()) {
                for (int step = 0; step < 3; step++) {
                    contribute(kfac, arena, "first", step);
                    optimizer.step();
                }
                assertThat(kfac.layersWithoutInverse()).containsExactly("second");
                assertThat(kfac.report().orElseThrow().withoutInverse()).containsExactly("second");
                assertThat(kfac.factorsDue("first")).isFalse();
                assertThat(kfac.factorsDue("second")).isTrue();
                assertThat(kfac.factorsDue()).isTrue();
                var inverseOfFirst = kfac.states().get(1).toArray();

                optimizer.freeze("second");
                assertThat(kfac.factorsDue()).as("a frozen layer needs none").isFalse();
                optimizer.unfreeze("second");

                contribute(kfac, arena, "first", 3);
                contribute(kfac, arena, "second", 3);
                optimizer.step();
                assertThat(kfac.layersWithoutInverse()).isEmpty();
                assertThat(kfac.factorsDue()).isFalse();
                assertThat(kfac.states().get(1).toArray()).isEqualTo(inverseOfFirst);
                assertThat(kfac.report().orElseThrow().factors()).hasSize(4);
            }
        }
    }

    private static Parameter parameter(Arena arena, String name) {
        return Parameter.of(name, Shape.of(2, 2), arena.allocate(16, 4))
                .gradient(arena.allocateFrom(ValueLayout.JAVA_FLOAT, 1, 2, 3, 4));
    }

    private static void contribute(Kfac kfac, Arena arena, String layer, int step) {
        kfac.accumulate(
                layer,
                Matrices.floats(arena, random(3, 2, step)),
                Matrices.floats(arena, random(3, 2, 50 + step)),
                Batch.sum());
    }
}
