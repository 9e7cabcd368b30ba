package org.panoptim.schedule;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.panoptim.Optimizer;
import org.panoptim.backend.Backend;
import org.panoptim.parameter.Tensors;
import org.panoptim.rule.SGD;

import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.DoubleStream;

/** Sequences were printed by PyTorch 2.13's ReduceLROnPlateau for a learning rate of 1. */
class ReduceOnPlateauTest {

    private static Optimizer optimizer(Schedule schedule, Backend backend) {
        return Optimizer.builder(SGD.withLearningRate(1))
                .group("all", List.of(Tensors.vector("p", 1)))
                .schedule(schedule)
                .backend(backend)
                .build();
    }

    @Test
    void aSecondOptimizerIsRefusedUntilTheFirstIsClosed() {
        var schedule = ReduceOnPlateau.defaults();
        try (var backend = Backend.named("reference")) {
            try (var first = optimizer(schedule, backend)) {
                assertThatThrownBy(() -> optimizer(schedule, backend))
                        .isInstanceOf(IllegalStateException.class)
                        .hasMessageContaining("each place needs one of its own");
                assertThat(first.report().step()).isZero();
            }
            // Also fails if the refused optimizer still counted as a user of the backend.
            optimizer(schedule, backend).close();
        }
    }

    @Test
    void anOptimizerThatCannotBeBuiltDoesNotKeepIt() {
        var schedule = ReduceOnPlateau.defaults();
        try (var backend = Backend.named("reference")) {
            var twice = List.of(Tensors.vector("p", 1), Tensors.vector("p", 1));
            assertThatThrownBy(
                            () ->
                                    Optimizer.builder(SGD.withLearningRate(1))
                                            .group("all", twice)
                                            .schedule(schedule)
                                            .backend(backend)
                                            .build())
                    .isInstanceOf(IllegalArgumentException.class);
            optimizer(schedule, backend).close();
        }
    }

    @Test
    void aScheduleThatNeedsOnlyTheStepCanBeShared() {
        var schedule = Schedule.warmupCosine(10, 100);
        try (var backend = Backend.named("reference");
                var first = optimizer(schedule, backend);
                var second = optimizer(schedule, backend)) {
            assertThat(second.group("all")).isNotEqualTo(first.group("all"));
        }
    }

    private static final double NAN = Double.NaN;
    private static final double INFINITY = Double.POSITIVE_INFINITY;
    private static final double[] METRICS = {
        1.0, 0.9, 0.91, 0.92, 0.93, 0.94, 0.95, 0.96, 0.80, 0.81, 0.82, 0.83, 0.84, 0.85, 0.86, 0.87
    };

    @Test
    void theDefaultsArePyTorchs() {
        // Ten bad epochs are borne, the eleventh reduces to a tenth.
        var schedule = Schedule.reduceOnPlateau();
        schedule.observe(1);
        for (int i = 0; i < 10; i++) {
            assertThat(schedule.observe(1 - 0.5e-4)).isFalse();
        }
        assertThat(schedule.factor(1)).isEqualTo(1);
        assertThat(schedule.observe(1)).isTrue();
        assertThat(schedule.factor(1)).isEqualTo(0.1);
    }

    @Test
    void patienceBearsSoManyBadEpochs() {
        assertThat(factors(new ReduceOnPlateau(0.5, 2, 1e-4, 0, 0), METRICS))
                .containsExactly(
                        1, 1, 1, 1, 0.5, 0.5, 0.5, 0.25, 0.25, 0.25, 0.25, 0.125, 0.125, 0.125,
                        0.0625, 0.0625);
    }

    @Test
    void cooldownLetsEpochsPass() {
        assertThat(factors(new ReduceOnPlateau(0.5, 1, 1e-4, 2, 0), METRICS))
                .containsExactly(
                        1, 1, 1, 0.5, 0.5, 0.5, 0.5, 0.25, 0.25, 0.25, 0.25, 0.125, 0.125, 0.125,
                        0.125, 0.0625);
    }

    @Test
    void theFloorHolds() {
        assertThat(factors(new ReduceOnPlateau(0.1, 0, 1e-4, 0, 0.05), METRICS))
                .containsExactly(
                        new double[] {
                            1, 1, 0.1, 0.05, 0.05, 0.05, 0.05, 0.05, 0.05, 0.05, 0.05, 0.05, 0.05,
                            0.05, 0.05, 0.05
                        },
                        within(1e-16));
    }

    @Test
    void anImprovementBelowTheThresholdIsNone() {
        assertThat(
                        factors(
                                new ReduceOnPlateau(0.5, 1, 0.1, 0, 0),
                                1.0,
                                0.95,
                                0.90,
                                0.85,
                                0.80,
                                0.75,
                                0.70))
                .containsExactly(1, 1, 0.5, 0.5, 0.5, 0.5, 0.5);
    }

    @Test
    void nanIsNoImprovement() {
        assertThat(
                        factors(
                                new ReduceOnPlateau(0.5, 1, 1e-4, 0, 0),
                                1,
                                NAN,
                                NAN,
                                0.5,
                                NAN,
                                NAN,
                                NAN))
                .containsExactly(1, 1, 0.5, 0.5, 0.5, 0.25, 0.25);
        assertThat(factors(new ReduceOnPlateau(0.5, 1, 1e-4, 0, 0), NAN, NAN, 1, 0.5, 0.6, 0.6))
                .containsExactly(1, 0.5, 0.5, 0.5, 0.5, 0.25);
    }

    @Test
    void anInfiniteLossIsNoImprovement() {
        assertThat(
                        factors(
                                new ReduceOnPlateau(0.5, 1, 1e-4, 0, 0),
                                INFINITY,
                                INFINITY,
                                1,
                                INFINITY,
                                INFINITY))
                .containsExactly(1, 0.5, 0.5, 0.5, 0.25);
    }

    @Test
    void zeroIsAMetricLikeAnother() {
        assertThat(factors(new ReduceOnPlateau(0.5, 1, 1e-4, 0, 0), 0, 0, 0, -0.1, -0.1, -0.1))
                .containsExactly(1, 1, 0.5, 0.5, 0.5, 0.25);
    }

    @Test
    void belowZeroAStandstillIsNoImprovement() {
        // Unlike PyTorch, whose best·(1 − threshold) lies above a best below zero.
        assertThat(factors(new ReduceOnPlateau(0.5, 1, 0.1, 0, 0), -1, -1, -1, -1.05, -1.2, -1.2))
                .containsExactly(1, 1, 0.5, 0.5, 0.5, 0.5);
    }

    @Test
    void theStateCarriesOnElsewhere() {
        for (int cut = 0; cut <= METRICS.length; cut++) {
            var first = new ReduceOnPlateau(0.5, 1, 1e-4, 2, 0);
            var whole = factors(first, METRICS);
            var before = new ReduceOnPlateau(0.5, 1, 1e-4, 2, 0);
            factors(before, Arrays.copyOf(METRICS, cut));
            var after = new ReduceOnPlateau(0.5, 1, 1e-4, 2, 0);
            after.restore(before.state());
            assertThat(after.state()).isEqualTo(before.state());
            assertThat(factors(after, Arrays.copyOfRange(METRICS, cut, METRICS.length)))
                    .containsExactly(Arrays.copyOfRange(whole, cut, METRICS.length));
        }
    }

    @Test
    void theStateHasNames() {
        var schedule = new ReduceOnPlateau(0.5, 0, 0, 3, 0);
        assertThat(schedule.state())
                .isEqualTo(
                        Map.of(
                                "factor",
                                1.0,
                                "best",
                                INFINITY,
                                "bad_epochs",
                                0.0,
                                "cooldown",
                                0.0));
        factors(schedule, 4, 5);
        assertThat(schedule.state())
                .isEqualTo(Map.of("factor", 0.5, "best", 4.0, "bad_epochs", 0.0, "cooldown", 3.0));
    }

    @Test
    void aStateOfOtherNamesIsRefused() {
        var schedule = new ReduceOnPlateau(0.5, 1, 1e-4, 0, 0);
        var without = new HashMap<>(schedule.state());
        without.remove("best");
        assertRefused(
                () -> schedule.restore(without),
                "state has factor, best, bad_epochs and cooldown, but came with "
                        + without.keySet());
        assertThatThrownBy(() -> schedule.restore(Map.of()))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageStartingWith("reduceOnPlateau: state has ");
    }

    @ParameterizedTest
    @CsvSource({
        "factor, -0.5, 'factor must be in [0, 1], but is -0.5'",
        "factor, 1.5, 'factor must be in [0, 1], but is 1.5'",
        "factor, NaN, 'factor must be in [0, 1], but is NaN'",
        "best, NaN, 'best must be a number, but is NaN'",
        "bad_epochs, -1, 'bad_epochs must be a whole number of at least 0, but is -1.0'",
        "bad_epochs, 0.5, 'bad_epochs must be a whole number of at least 0, but is 0.5'",
        "bad_epochs, NaN, 'bad_epochs must be a whole number of at least 0, but is NaN'",
        "cooldown, 1e10, 'cooldown must be a whole number of at least 0, but is 1.0E10'",
        "cooldown, , 'cooldown must be a number, but is null'"
    })
    void aStateOfOtherValuesIsRefusedAndChangesNothing(String name, Double value, String message) {
        var schedule = new ReduceOnPlateau(0.5, 1, 1e-4, 3, 0);
        factors(schedule, 4, 5, 5);
        var before = schedule.state();
        var state =
                new HashMap<>(
                        Map.of("factor", 0.1, "best", 1.0, "bad_epochs", 1.0, "cooldown", 2.0));
        state.put(name, value);
        assertRefused(() -> schedule.restore(state), message);
        assertThat(schedule.state()).isEqualTo(before);
    }

    @Test
    void aFactorBelowTheFloorIsNotRaised() {
        // It can come from a checkpoint of a schedule with a lower floor.
        var schedule = new ReduceOnPlateau(0.5, 0, 1e-4, 0, 0.25);
        schedule.restore(Map.of("factor", 0.125, "best", 1.0, "bad_epochs", 0.0, "cooldown", 0.0));
        assertThat(schedule.observe(2)).isFalse();
        assertThat(schedule.factor(1)).isEqualTo(0.125);
    }

    @Test
    void aFloorOfOneHoldsTheFactor() {
        assertThat(factors(new ReduceOnPlateau(0.5, 0, 0, 0, 1), 1, 2, 3)).containsExactly(1, 1, 1);
    }

    @Test
    void aFactorOfZeroOrOneCanBeRestored() {
        var schedule = new ReduceOnPlateau(0.5, 0, 0, 0, 0);
        for (double factor : new double[] {0, 1}) {
            schedule.restore(
                    Map.of("factor", factor, "best", 1.0, "bad_epochs", 0.0, "cooldown", 0.0));
            assertThat(schedule.factor(1)).isEqualTo(factor);
        }
    }

    @Test
    void badArgumentsAreNamed() {
        assertRefused(
                () -> new ReduceOnPlateau(1, 1, 0, 0, 0),
                "reduction must be in (0, 1), but is 1.0");
        assertRefused(
                () -> new ReduceOnPlateau(0, 1, 0, 0, 0),
                "reduction must be in (0, 1), but is 0.0");
        assertRefused(
                () -> new ReduceOnPlateau(NAN, 1, 0, 0, 0),
                "reduction must be in (0, 1), but is NaN");
        assertRefused(
                () -> new ReduceOnPlateau(0.5, -1, 0, 0, 0),
                "patience must be at least 0, but is -1");
        assertRefused(
                () -> new ReduceOnPlateau(0.5, 1, 1, 0, 0),
                "threshold must be in [0, 1), but is 1.0");
        assertRefused(
                () -> new ReduceOnPlateau(0.5, 1, -0.1, 0, 0),
                "threshold must be in [0, 1), but is -0.1");
        assertRefused(
                () -> new ReduceOnPlateau(0.5, 1, 0, -2, 0),
                "cooldown must be at least 0, but is -2");
        assertRefused(
                () -> new ReduceOnPlateau(0.5, 1, 0, 0, 1.5),
                "floor must be in [0, 1], but is 1.5");
        assertRefused(
                () -> new ReduceOnPlateau(0.5, 1, 0, 0, NAN),
                "floor must be in [0, 1], but is NaN");
    }

    private static void assertRefused(ThrowingCallable call, String message) {
        assertThatThrownBy(call)
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("reduceOnPlateau: " + message);
    }

    /** The factor after each observation; whether it was lowered must agree. */
    private static double[] factors(ReduceOnPlateau schedule, double... metrics) {
        return DoubleStream.of(metrics)
                .map(
                        metric -> {
                            double before = schedule.factor(1);
                            boolean lowered = schedule.observe(metric);
                            assertThat(lowered).isEqualTo(schedule.factor(1) < before);
                            return schedule.factor(1);
                        })
                .toArray();
    }
}
