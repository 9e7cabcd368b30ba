package org.panoptim.rule;

import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.params.provider.Arguments.arguments;

import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.panoptim.rule.RuleSetting.Range;

import java.util.List;
import java.util.Map;
import java.util.function.Predicate;
import java.util.stream.Stream;

/** A hyper-parameter out of range is refused, with the rule, its name, the range and the value. */
class HyperParameterTest {

    /** Each number of each rule that need not be whole. */
    static Stream<Arguments> numbers() {
        return settings(range -> range != Range.FLAG && !range.isWhole());
    }

    /** Each whole number of each rule. */
    static Stream<Arguments> counts() {
        return settings(Range::isWhole);
    }

    private static Stream<Arguments> settings(Predicate<Range> chosen) {
        return Stream.concat(Rules.all().stream(), Rules.companions().stream())
                .flatMap(
                        rule ->
                                rule.descriptor().settings().stream()
                                        .filter(setting -> chosen.test(setting.range()))
                                        .map(setting -> arguments(rule, setting)));
    }

    private static String message(
            UpdateRule rule, RuleSetting setting, String range, Object value) {
        return "%s: %s must be %s, but is %s".formatted(rule.name(), setting.name(), range, value);
    }

    private static void set(UpdateRule rule, RuleSetting setting, Object value) {
        Rules.with(rule, Map.of(setting.name(), String.valueOf(value)));
    }

    private static void assertRefused(
            UpdateRule rule, RuleSetting setting, String range, Object value) {
        assertThatThrownBy(() -> set(rule, setting, value))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage(message(rule, setting, range, value));
    }

    @ParameterizedTest
    @MethodSource("numbers")
    void valuesOutOfRangeAreRefused(UpdateRule rule, RuleSetting setting) {
        var refused =
                switch (setting.range()) {
                    case RATE -> new double[] {Double.NaN, Math.nextUp(0x1p100), 1e300, -0.25};
                    case WEIGHT_DECAY, NON_NEGATIVE ->
                            new double[] {Double.NaN, Double.POSITIVE_INFINITY, -0.25};
                    case POSITIVE -> new double[] {Double.NaN, Double.POSITIVE_INFINITY, 0, -1};
                    case NON_POSITIVE -> new double[] {Double.NaN, Double.NEGATIVE_INFINITY, 0.25};
                    case DECAY -> new double[] {Double.NaN, 1, -0.25, 1.5};
                    case FRACTION -> new double[] {Double.NaN, -0.25, 1.5};
                    case OPEN_FRACTION -> new double[] {Double.NaN, 0, 1, -0.25, 1.5};
                    case GROWTH -> new double[] {Double.NaN, 0.5, -1};
                    case FINITE ->
                            new double[] {
                                Double.NaN, Double.POSITIVE_INFINITY, Double.NEGATIVE_INFINITY
                            };
                    case COUNT, POSITIVE_COUNT, ITERATIONS, FLAG, ANY ->
                            throw new AssertionError(setting);
                };
        for (double value : refused) {
            assertRefused(rule, setting, setting.range().toString(), value);
        }
    }

    @ParameterizedTest
    @MethodSource("numbers")
    void theEndsOfTheRangeAreTaken(UpdateRule rule, RuleSetting setting) {
        var taken =
                switch (setting.range()) {
                    case RATE -> new double[] {0, 0x1p100};
                    case WEIGHT_DECAY, NON_NEGATIVE -> new double[] {0, 1e-300, 1e30};
                    // The least rho and batch size are those whose product is a float.
                    case POSITIVE -> new double[] {1e-43, 1e30};
                    case NON_POSITIVE -> new double[] {0, -1e-300, -1e30};
                    case DECAY -> new double[] {0, Math.nextDown(1f)};
                    case FRACTION -> new double[] {0, 1};
                    // The least is one that 1 can be divided by.
                    case OPEN_FRACTION -> new double[] {1e-38, Math.nextDown(1f)};
                    case GROWTH -> new double[] {1, Double.POSITIVE_INFINITY};
                    case FINITE -> new double[] {-Float.MAX_VALUE, Float.MAX_VALUE};
                    case COUNT, POSITIVE_COUNT, ITERATIONS, FLAG, ANY ->
                            throw new AssertionError(setting);
                };
        for (double value : taken) {
            set(rule, setting, value);
        }
    }

    @ParameterizedTest
    @MethodSource("numbers")
    void valuesThatAreOutOfRangeAsFloat32AreRefused(UpdateRule rule, RuleSetting setting) {
        var refused =
                switch (setting.range()) {
                    case WEIGHT_DECAY, NON_NEGATIVE -> new double[] {1e39};
                    case POSITIVE -> new double[] {1e-46, 1e39};
                    case NON_POSITIVE -> new double[] {-1e39};
                    case DECAY -> new double[] {1 - 0x1p-53, 1 - 0x1p-25};
                    case OPEN_FRACTION -> new double[] {1e-46, 1 - 0x1p-53, 1 - 0x1p-25};
                    case RATE, FRACTION, GROWTH -> new double[] {};
                    case FINITE -> new double[] {-1e39, 1e39};
                    case COUNT, POSITIVE_COUNT, ITERATIONS, FLAG, ANY ->
                            throw new AssertionError(setting);
                };
        for (double value : refused) {
            assertRefused(rule, setting, setting.range() + " as float32", value);
        }
    }

    @ParameterizedTest
    @MethodSource("counts")
    void aCountIsAWholeNumberFromZeroOrOneOn(UpdateRule rule, RuleSetting setting) {
        long least = setting.range() == Range.COUNT ? 0 : 1;
        boolean bounded = setting.range() == Range.ITERATIONS;
        long most = bounded ? 99 : Long.MAX_VALUE;
        for (long taken : new long[] {least, 1, most}) {
            set(rule, setting, taken);
        }
        if (bounded) {
            assertRefused(rule, setting, setting.range().toString(), most + 1);
            assertRefused(rule, setting, setting.range().toString(), Long.MAX_VALUE);
        }
        for (long refused : new long[] {least - 1, -1, Long.MIN_VALUE}) {
            assertRefused(rule, setting, setting.range().toString(), refused);
        }
        for (var text : List.of("1.5", "1e3", "NaN", "9223372036854775808")) {
            assertThatThrownBy(() -> set(rule, setting, text))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessage(
                            "%s: %s must be a whole number, %s, but is '%s'"
                                    .formatted(rule.name(), setting.name(), setting.range(), text));
        }
    }

    @Test
    void productsThatFloat32DoesNotCarryAreRefused() {
        assertRefused(() -> AdamW.withLearningRate(Math.nextUp(0x1p100)), "AdamW: learningRate");
        assertRefused(
                () -> Lion.withLearningRate(1e3).withWeightDecay(1e30),
                "Lion: learningRate times weightDecay");
        assertRefused(() -> SophiaG.defaults().withRho(1e36), "SophiaG: rho times batchSize");
        assertRefused(
                () -> SophiaG.defaults().withRho(1e-30).withBatchSize(1e-20),
                "SophiaG: rho times batchSize");
    }

    static Stream<UpdateRule> rules() {
        return Rules.all().stream();
    }

    @ParameterizedTest
    @MethodSource("rules")
    void aLearningRateOfNaNIsRefused(UpdateRule rule) {
        assertThatThrownBy(() -> rule.atLearningRate(Double.NaN))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageEndingWith(": learningRate must be in [0, 2^100], but is NaN");
    }

    @Test
    void theWithersCheckToo() {
        assertRefused(() -> AdamW.withLearningRate(-1), "AdamW: learningRate");
        assertRefused(() -> AdamW.defaults().withBetas(0.9, 1), "AdamW: beta2");
        assertRefused(() -> AdamW.defaults().withEpsilon(Double.NaN), "AdamW: epsilon");
        assertRefused(() -> AdamW.defaults().withWeightDecay(-1), "AdamW: weightDecay");
        assertRefused(() -> SGD.defaults().withMomentum(1), "SGD: momentum");
        assertRefused(() -> SophiaG.defaults().withRho(0), "SophiaG: rho");
        assertRefused(() -> SophiaG.defaults().withBatchSize(0), "SophiaG: batchSize");
        assertRefused(() -> SophiaH.defaults().withClip(0), "SophiaH: clip");
        assertRefused(() -> SophiaH.defaults().withEpsilon(0), "SophiaH: epsilon");
        assertRefused(() -> Lion.defaults().withBetas(-1, 0.9), "Lion: beta1");
        assertRefused(() -> AdaFisher.defaults().withBeta(1), "AdaFisher: beta1");
        assertRefused(() -> AdaFisher.defaults().withDamping(0), "AdaFisher: damping");
    }

    private static void assertRefused(ThrowingCallable call, String name) {
        assertThatThrownBy(call)
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageStartingWith(name + " must be ");
    }

    @Test
    void nesterovWithoutMomentumIsRefused() {
        assertThatThrownBy(() -> SGD.defaults().withNesterov(true))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage(
                        "SGD: nesterov needs momentum above 0 and dampening 0, but they are 0.0 and"
                                + " 0.0");
    }

    @Test
    void nesterovWithDampeningIsRefused() {
        var rule = SGD.defaults().withMomentum(0.9).withDampening(0.5);
        assertThatThrownBy(() -> rule.withNesterov(true))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage(
                        "SGD: nesterov needs momentum above 0 and dampening 0, but they are 0.9 and"
                                + " 0.5");
    }

    @Test
    void aSlotsNameIsALowerCaseIdentifier() {
        for (var name : new String[] {"", "Exp_avg", "exp-avg", "exp/avg", "9", "_x", " a"}) {
            assertThatThrownBy(() -> new Slot(name))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessage(
                            "a slot's name is lower case letters, digits and underscores, not '"
                                    + name
                                    + "'");
        }
    }
}
