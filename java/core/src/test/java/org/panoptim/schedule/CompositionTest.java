package org.panoptim.schedule;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.panoptim.parameter.Tensors.gradient;
import static org.panoptim.parameter.Tensors.values;
import static org.panoptim.parameter.Tensors.vector;
import static org.panoptim.schedule.ScheduleTest.factors;

import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.panoptim.Optimizer;
import org.panoptim.backend.Backend;
import org.panoptim.checkpoint.CheckpointException;
import org.panoptim.parameter.Parameter;
import org.panoptim.rule.SGD;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import java.util.stream.LongStream;
import java.util.stream.Stream;

/** Schedules of schedules. */
class CompositionTest {

    private static final double NAN = Double.NaN;

    /** A schedule that reduces to a half whenever its metric does not improve. */
    private static ReduceOnPlateau plateau() {
        return new ReduceOnPlateau(0.5, 0, 0, 0, 0);
    }

    private static double[] momenta(Schedule schedule, int steps) {
        return LongStream.rangeClosed(1, steps).mapToDouble(schedule::momentum).toArray();
    }

    @Test
    void inASequenceEachBeginsBehindItsMilestone() {
        var schedule =
                Schedule.sequential(
                        List.of(
                                Schedule.linearWarmup(4),
                                Schedule.of(step -> 10 * step),
                                Schedule.exponential(0.5)),
                        4,
                        6);
        assertThat(factors(schedule, 9)).containsExactly(0.25, 0.5, 0.75, 1, 10, 20, 1, 0.5, 0.25);
        assertThat(factors(Schedule.sequential(List.of(Schedule.exponential(0.5))), 3))
                .containsExactly(1, 0.5, 0.25);
    }

    @Test
    void theMilestonesAreThoseOfTheCall() {
        long[] milestones = {1};
        var parts = List.of(Schedule.constant(), Schedule.of(_ -> 0));
        var sequence = Schedule.sequential(parts, milestones);
        var steps = Schedule.multiStep(0.5, milestones);
        milestones[0] = 2;
        assertThat(factors(sequence, 3)).containsExactly(1, 0, 0);
        assertThat(factors(steps, 3)).containsExactly(1, 0.5, 0.5);
    }

    @Test
    void inASequenceTheMomentumIsThatOfTheOneWhoseTurnItIs() {
        var schedule =
                Schedule.sequential(
                        List.of(
                                Schedule.constant(),
                                Schedule.cyclic(0, 1, 1).withMomentum(0.5, 0.75)),
                        2);
        assertThat(momenta(schedule, 5)).containsExactly(NAN, NAN, 0.75, 0.5, 0.75);
    }

    @Test
    void aChainIsAProduct() {
        var schedule = Schedule.chained(Schedule.linearWarmup(4), Schedule.step(2, 0.5), plateau());
        assertThat(factors(schedule, 5)).containsExactly(0.25, 0.5, 0.375, 0.5, 0.25);
    }

    @Test
    void aProductIsTakenFromLeftToRight() {
        double one = 0.1;
        double two = 0.7;
        double three = 0.3;
        assertThat(one * two * three).isNotEqualTo(one * (two * three));
        assertThat(
                        Schedule.chained(
                                        Schedule.of(_ -> one),
                                        Schedule.of(_ -> two),
                                        Schedule.of(_ -> three))
                                .factor(1))
                .isEqualTo(one * two * three);
    }

    @Test
    void productsOfStepsTakeTurns() {
        var schedule = Schedule.chained(Schedule.exponential(0.9), Schedule.exponential(0.7));
        assertThat(schedule.factor(4)).isEqualTo(0.9 * 0.7 * 0.9 * 0.7 * 0.9 * 0.7);
        // A chain in a chain is as if its schedules were in that.
        var nested =
                Schedule.chained(Schedule.exponential(0.9), Schedule.exponential(0.7), schedule);
        assertThat(nested.factor(3)).isEqualTo(0.9 * 0.7 * 0.9 * 0.7 * 0.9 * 0.7 * 0.9 * 0.7);
    }

    @Test
    void inAChainTheLastMomentumHolds() {
        var one = new MomentumSchedule(_ -> 0.5);
        var two = new MomentumSchedule(step -> step == 1 ? 0.25 : NAN);
        assertThat(momenta(Schedule.chained(one, Schedule.constant()), 2))
                .containsExactly(0.5, 0.5);
        assertThat(momenta(Schedule.chained(one, two), 2)).containsExactly(0.25, 0.5);
        assertThat(momenta(Schedule.chained(Schedule.constant(), plateau()), 1))
                .containsExactly(NAN);
    }

    /** Compositions of a plateau, its state's prefix, and a step at which its factor shows. */
    static Stream<Arguments> compositions() {
        Function<Schedule, Schedule> sequence =
                part -> Schedule.sequential(List.of(Schedule.linearWarmup(2), part), 2);
        Function<Schedule, Schedule> chain =
                part -> Schedule.chained(part, Schedule.constant(), Schedule.exponential(1));
        return Stream.of(
                Arguments.of(sequence, "1."),
                Arguments.of(chain, "0."),
                Arguments.of(sequence.compose(chain), "1.0."),
                Arguments.of(chain.compose(sequence), "0.1."));
    }

    @ParameterizedTest
    @MethodSource("compositions")
    void theStateIsThatOfTheParts(Function<Schedule, Schedule> composition, String prefix) {
        var plateau = plateau();
        var schedule = composition.apply(plateau);
        plateau.observe(3);
        plateau.observe(4);
        assertThat(schedule.factor(3)).isEqualTo(0.5);
        assertThat(schedule.state())
                .isEqualTo(
                        Map.of(
                                prefix + "factor",
                                0.5,
                                prefix + "best",
                                3.0,
                                prefix + "bad_epochs",
                                0.0,
                                prefix + "cooldown",
                                0.0));
        var other = plateau();
        composition.apply(other).restore(schedule.state());
        assertThat(other.state()).isEqualTo(plateau.state());
    }

    @ParameterizedTest
    @MethodSource("compositions")
    void aCheckpointCarriesThePartsStates(
            Function<Schedule, Schedule> composition, String prefix, @TempDir Path folder)
            throws IOException {
        var file = folder.resolve(prefix + "safetensors");
        var parameter = vector("p", 0);
        try (var backend = Backend.named("reference")) {
            var plateau = plateau();
            try (var optimizer = optimizer(composition.apply(plateau), parameter, backend)) {
                for (int i = 0; i < 3; i++) {
                    gradient(parameter, 1);
                    optimizer.step();
                    plateau.observe(i);
                }
                optimizer.save(file);
            }
            assertThat(plateau.factor(1)).isEqualTo(0.25);
            var resumed = vector("p", 0);
            var other = plateau();
            try (var optimizer = optimizer(composition.apply(other), resumed, backend)) {
                optimizer.load(file);
                assertThat(other.state()).isEqualTo(plateau.state());
                gradient(resumed, 1);
                optimizer.step();
                assertThat(values(resumed)).containsExactly(-0.25f);
            }
        }
    }

    private static Optimizer optimizer(Schedule schedule, Parameter parameter, Backend backend) {
        return Optimizer.builder(SGD.withLearningRate(1))
                .group("all", List.of(parameter))
                .schedule(schedule)
                .backend(backend)
                .build();
    }

    @Test
    void aCheckpointOfAnotherCompositionIsRefused(@TempDir Path folder) throws IOException {
        var file = folder.resolve("file");
        try (var backend = Backend.named("reference")) {
            try (var optimizer = optimizer(plateau(), vector("p", 0), backend)) {
                optimizer.save(file);
            }
            var plateau = plateau();
            var chain = Schedule.chained(Schedule.constant(), plateau);
            try (var optimizer = optimizer(chain, vector("p", 0), backend)) {
                plateau.observe(1);
                var before = plateau.state();
                assertThatThrownBy(() -> optimizer.load(file))
                        .isInstanceOf(CheckpointException.class)
                        .hasMessageContaining(
                                "chained: state has names of the 2 schedules' states, from '0.…'"
                                        + " on, but came with 'bad_epochs'");
                assertThat(plateau.state()).isEqualTo(before);
            }
        }
    }

    @Test
    void aStateThatOnePartRefusesChangesNone() {
        var first = plateau();
        var second = plateau();
        var schedule = Schedule.chained(first, second);
        first.observe(1);
        var before = schedule.state();
        var state = new HashMap<>(schedule.state());
        state.put("0.best", 7.0);
        state.put("1.factor", 2.0);
        assertRefused(
                () -> schedule.restore(state),
                "chained: schedule 1: reduceOnPlateau: factor must be in [0, 1], but is 2.0");
        assertThat(schedule.state()).isEqualTo(before);
        state.put("1.factor", 0.5);
        schedule.restore(state);
        assertThat(schedule.state()).isEqualTo(state);
        state.remove("1.best");
        assertThatThrownBy(() -> schedule.restore(state))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("state has factor, best, bad_epochs and cooldown");
    }

    @Test
    void namesOfStatesThatNoPartHasAreRefused() {
        var schedule = Schedule.sequential(List.of(Schedule.constant(), plateau()), 2);
        for (var name : List.of("2.best", "best", "1best", "-1.best", "")) {
            assertRefused(
                    () -> schedule.restore(Map.of(name, 1.0)),
                    "sequential: state has names of the 2 schedules' states, from '0.…' on, but"
                            + " came with '"
                            + name
                            + "'");
        }
        assertRefused(
                () -> schedule.restore(Map.of("0.best", 1.0)),
                "sequential: schedule 0: this schedule keeps no state, but was given {best=1.0}");
    }

    @Test
    void theEleventhPartHasANameOfItsOwn() {
        var parts = new Schedule[12];
        Arrays.fill(parts, Schedule.constant());
        parts[1] = new Remembering("a");
        parts[11] = new Remembering("b");
        var schedule = Schedule.chained(parts);
        assertThat(schedule.state()).isEqualTo(Map.of("1.a", 1.0, "11.b", 1.0));
        schedule.restore(schedule.state());
    }

    /** A schedule with a state of 1 that it takes back. */
    private record Remembering(String name) implements Schedule {

        @Override
        public double factor(long step) {
            return 1;
        }

        @Override
        public Map<String, Double> state() {
            return Map.of(name, 1.0);
        }

        @Override
        public void restore(Map<String, Double> state) {
            assertThat(state).isEqualTo(state());
        }
    }

    @Test
    void theStateCannotBeChanged() {
        var state = Schedule.chained(plateau(), Schedule.constant()).state();
        assertThatThrownBy(() -> state.put("0.best", 1.0))
                .isInstanceOf(UnsupportedOperationException.class);
    }

    @Test
    void partsThatRememberBelongToOneOptimizer() {
        var plateau = plateau();
        var before = plateau();
        var schedule = Schedule.chained(before, plateau);
        try (var backend = Backend.named("reference")) {
            try (var first = optimizer(schedule, vector("p", 1), backend)) {
                assertThatThrownBy(() -> optimizer(plateau, vector("p", 1), backend))
                        .isInstanceOf(IllegalStateException.class)
                        .hasMessageContaining("each place needs one of its own");
                assertThat(first.report().step()).isZero();
            }
            try (var second = optimizer(plateau, vector("p", 1), backend)) {
                assertThatThrownBy(() -> optimizer(schedule, vector("p", 1), backend))
                        .isInstanceOf(IllegalStateException.class);
                assertThat(second.report().step()).isZero();
            }
            // The first part was let go again when the second one refused.
            optimizer(before, vector("p", 1), backend).close();
            optimizer(schedule, vector("p", 1), backend).close();
        }
    }

    @Test
    void compositionsOfNothingAndOtherMilestonesAreRefused() {
        var one = List.of(Schedule.constant());
        var two = List.of(Schedule.constant(), Schedule.constant());
        assertRefused(() -> Schedule.chained(), "chained: schedules must be at least 1, but are 0");
        assertRefused(
                () -> Schedule.sequential(List.of()),
                "sequential: schedules must be at least 1, but are 0");
        assertRefused(
                () -> Schedule.sequential(two),
                "sequential: milestones must be one fewer than the 2 schedules, but are 0");
        assertRefused(
                () -> Schedule.sequential(one, 3),
                "sequential: milestones must be one fewer than the 1 schedules, but are 1");
        assertRefused(
                () -> Schedule.sequential(two, 0),
                "sequential: milestones must be at least 1 and rise, but are [0]");
        assertRefused(
                () -> Schedule.sequential(two, 5, 5),
                "sequential: milestones must be at least 1 and rise, but are [5, 5]");
    }

    private static void assertRefused(ThrowingCallable call, String message) {
        assertThatThrownBy(call).isInstanceOf(IllegalArgumentException.class).hasMessage(message);
    }
}
