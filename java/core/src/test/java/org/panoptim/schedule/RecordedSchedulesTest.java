package org.panoptim.schedule;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.panoptim.safetensors.SafetensorsReader;
import org.panoptim.schedule.WarmupStableDecay.Shape;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.net.URISyntaxException;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.TreeSet;
import java.util.function.LongToDoubleFunction;
import java.util.stream.Stream;

/**
 * Learning rates and momenta that PyTorch has set in a thousand steps; the README beside the file
 * says how they were recorded.
 */
class RecordedSchedulesTest {

    private static final int STEPS = 1000;

    private static final LongToDoubleFunction MULTIPLIER =
            step -> 1 - 1.0 / ((step + 8) * (step + 8));

    private static final Map<String, double[]> RECORDED = new HashMap<>();

    @BeforeAll
    static void read() throws IOException, URISyntaxException {
        var resource = RecordedSchedulesTest.class.getResource("schedules.safetensors");
        var file = Path.of(Objects.requireNonNull(resource).toURI());
        try (var reader = SafetensorsReader.open(file)) {
            for (var tensor : reader.tensors().values()) {
                var values = new double[STEPS];
                reader.read(tensor, MemorySegment.ofArray(values));
                RECORDED.put(tensor.name(), values);
            }
        }
    }

    private static double[] recorded(String name) {
        return Objects.requireNonNull(RECORDED.get(name), name);
    }

    /** Schedules that add, subtract, multiply and divide, or take a square root. */
    static Stream<Arguments> exact() {
        return Stream.of(
                Arguments.of("step", Schedule.step(30, 0.7)),
                Arguments.of("multi-step", Schedule.multiStep(0.3, 1, 30, 31, 80, 999)),
                Arguments.of("constant", Schedule.constant(0.47, 400)),
                Arguments.of("linear", Schedule.linear(1 / 3.0, 1, 5)),
                Arguments.of("linear-up", Schedule.linear(0.01, 1, 700)),
                Arguments.of("linear-down", Schedule.linear(0.9, 0.2, 999)),
                Arguments.of("linear-to-zero", Schedule.linear(1, 0, 500)),
                Arguments.of("exponential", Schedule.exponential(0.99)),
                Arguments.of("exponential-to-zero", Schedule.exponential(0.4)),
                Arguments.of("polynomial", Schedule.polynomial(800, 1)),
                Arguments.of("multiplicative", Schedule.multiplicative(MULTIPLIER)),
                Arguments.of("cyclic-triangular", triangular()),
                Arguments.of("cyclic-triangular2", triangular2()),
                Arguments.of(
                        "sequential",
                        Schedule.sequential(
                                List.of(
                                        Schedule.linear(0.01, 1, 100),
                                        Schedule.constant(0.5, 50),
                                        Schedule.exponential(0.995),
                                        Schedule.multiStep(0.3, 1, 50),
                                        Schedule.polynomial(100, 1)),
                                100,
                                300,
                                700,
                                900)),
                Arguments.of(
                        "chained",
                        Schedule.chained(
                                Schedule.constant(0.3, 20),
                                Schedule.exponential(0.999),
                                Schedule.linear(0.2, 0.9, 300),
                                Schedule.step(70, 0.9),
                                Schedule.multiStep(0.5, 1, 500),
                                Schedule.polynomial(2000, 1),
                                Schedule.multiplicative(MULTIPLIER))),
                Arguments.of("wsd-linear", Schedule.warmupStableDecay(100, 500, 399, Shape.LINEAR)),
                Arguments.of(
                        "wsd-1-sqrt",
                        Schedule.warmupStableDecay(0, 700, 299, Shape.ONE_MINUS_SQRT)
                                .withFloor(0.05)));
    }

    private static Cyclic triangular() {
        return Schedule.cyclic(0.1, 1, 70).withMomentum(0.8, 0.9);
    }

    private static Cyclic triangular2() {
        return Schedule.cyclic(0.05, 0.7, 40)
                .withStepsDown(90)
                .triangular2()
                .withMomentum(0.8, 0.9);
    }

    @ParameterizedTest
    @MethodSource("exact")
    void plainArithmeticIsEqualInEveryBit(String name, Schedule schedule) {
        assertEqual(recorded(name + "/rate"), schedule::factor);
    }

    @Test
    void theMomentumOfATriangularCycleIsEqualInEveryBit() {
        assertEqual(recorded("cyclic-triangular/momentum"), triangular()::momentum);
        assertEqual(recorded("cyclic-triangular2/momentum"), triangular2()::momentum);
    }

    @Test
    void whereRoundingTakesPyTorchBelowZeroALineEndsAtZero() {
        var rates = recorded("linear-below-zero/rate").clone();
        assertThat(rates[STEPS - 1]).isNegative();
        rates[STEPS - 1] = 0;
        assertEqual(rates, Schedule.linear(0.1, 0, STEPS - 1)::factor);
    }

    private static void assertEqual(double[] expected, LongToDoubleFunction actual) {
        for (int step = 1; step <= STEPS; step++) {
            assertThat(actual.applyAsDouble(step))
                    .as("step %d", step)
                    .isEqualTo(expected[step - 1]);
        }
    }

    /** Schedules with a power or a cosine. */
    static Stream<Arguments> close() {
        return Stream.of(
                Arguments.of("polynomial-0.9/closed_form", Schedule.polynomial(999, 0.9)),
                Arguments.of("polynomial-2/closed_form", Schedule.polynomial(700, 2)),
                Arguments.of("cosine-warm-restarts/rate", Schedule.cosineWarmRestarts(100, 1, 0)),
                Arguments.of(
                        "cosine-warm-restarts-3/rate", Schedule.cosineWarmRestarts(20, 3, 0.05)),
                Arguments.of("cyclic-exp-range/rate", expRange()),
                Arguments.of(
                        "sequential-restarts/rate",
                        Schedule.sequential(
                                List.of(
                                        Schedule.linear(0.01, 1, 50),
                                        Schedule.cosineWarmRestarts(100, 2, 0)),
                                50)),
                Arguments.of(
                        "wsd-cosine/rate",
                        Schedule.warmupStableDecay(30, 600, 300, Shape.COSINE).withFloor(0.1)));
    }

    private static Cyclic expRange() {
        return Schedule.cyclic(0.1, 1, 50)
                .withStepsDown(20)
                .expRange(0.995)
                .withMomentum(0.5, 0.95);
    }

    @ParameterizedTest
    @MethodSource("close")
    void powersAndCosinesAreWithinFourUnitsInTheLastPlace(String name, Schedule schedule) {
        assertClose(recorded(name), schedule::factor);
    }

    @Test
    void theMomentumOfAShrinkingCycleIsWithinFourUnitsInTheLastPlace() {
        assertClose(recorded("cyclic-exp-range/momentum"), expRange()::momentum);
    }

    private static void assertClose(double[] expected, LongToDoubleFunction actual) {
        for (int step = 1; step <= STEPS; step++) {
            double value = actual.applyAsDouble(step);
            assertThat(Math.abs(units(value) - units(expected[step - 1])))
                    .as("step %d: %s and %s", step, value, expected[step - 1])
                    .isLessThanOrEqualTo(4);
        }
    }

    /**
     * Whole numbers in the order of the doubles, neighbours one apart; of doubles of at least 0.
     */
    private static long units(double value) {
        assertThat(value).isNotNegative();
        return Double.doubleToLongBits(value);
    }

    static Stream<Arguments> cosines() {
        return Stream.of(
                Arguments.of("cosine/closed_form", cosine()),
                Arguments.of("cosine-floor/closed_form", cosineToFloor()),
                Arguments.of(
                        "cosine-warm-restarts-long/rate", Schedule.cosineWarmRestarts(1000, 1, 0)),
                Arguments.of("one-cycle/rate", Schedule.oneCycle(STEPS)));
    }

    private static Schedule cosine() {
        return Schedule.cosine(STEPS - 1);
    }

    private static Schedule cosineToFloor() {
        return Schedule.cosine(STEPS - 1, 0.1);
    }

    /**
     * Cosines of two libraries are a unit apart at most, of 2⁻⁵³ above 1/2 and below −1/2. Added to
     * 1 and halved it is 2⁻⁵³ at most, however little is left of the sum.
     */
    @ParameterizedTest
    @MethodSource("cosines")
    void cosinesThatCancelAreWithinAUnitOfTheCosine(String name, Schedule schedule) {
        var expected = recorded(name);
        for (int step = 1; step <= STEPS; step++) {
            double allowed = Math.max(4 * Math.ulp(expected[step - 1]), 0x1p-53);
            assertThat(schedule.factor(step))
                    .as("step %d", step)
                    .isCloseTo(expected[step - 1], within(allowed));
        }
    }

    @Test
    void theMomentumOfOneCycleIsWithinFourUnitsInTheLastPlace() {
        assertClose(recorded("one-cycle/momentum"), Schedule.oneCycle(STEPS)::momentum);
    }

    /**
     * A step of PyTorch's product rounds a quotient, the product and, with a power, that: a power
     * makes {@code power} times as much of the quotient's half unit, and adds a unit. With a floor
     * it is taken off and added again. A unit is at most 2⁻⁵² of a value.
     */
    @ParameterizedTest
    @MethodSource
    void products(String name, Schedule schedule, double unitsAStep) {
        var rates = recorded(name + "/rate");
        for (int step = 1; step <= STEPS; step++) {
            double rate = rates[step - 1];
            double units = (step - 1) * unitsAStep + 4;
            assertThat(schedule.factor(step))
                    .as("step %d", step)
                    .isCloseTo(rate, within(Math.max(units * 0x1p-52 * rate, 0x1p-53)));
        }
    }

    static Stream<Arguments> products() {
        return Stream.of(
                Arguments.of("polynomial-0.9", Schedule.polynomial(999, 0.9), 0.45 + 1 + 0.5),
                Arguments.of("polynomial-2", Schedule.polynomial(700, 2), 1 + 1 + 0.5),
                Arguments.of("cosine", cosine(), 0.5 + 0.5),
                Arguments.of("cosine-floor", cosineToFloor(), 0.5 + 0.5 + 1));
    }

    @Test
    void everythingRecordedIsTested() {
        var tested = new TreeSet<String>();
        exact().forEach(arguments -> tested.add(arguments.get()[0] + "/rate"));
        close().forEach(arguments -> tested.add((String) arguments.get()[0]));
        cosines().forEach(arguments -> tested.add((String) arguments.get()[0]));
        products().forEach(arguments -> tested.add(arguments.get()[0] + "/rate"));
        tested.addAll(
                List.of(
                        "cyclic-triangular/momentum",
                        "cyclic-triangular2/momentum",
                        "cyclic-exp-range/momentum",
                        "one-cycle/momentum",
                        "linear-below-zero/rate"));
        assertThat(tested).isEqualTo(new TreeSet<>(RECORDED.keySet()));
    }
}
