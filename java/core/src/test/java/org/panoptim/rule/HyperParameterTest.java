package org.panoptim.rule;

import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.params.provider.Arguments.arguments;

import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

import java.util.Map;
import java.util.stream.Stream;

/** A hyper-parameter out of range is refused, with the rule, its name, the range and the value. */
class HyperParameterTest {

    private static final String RATE_RANGE = "finite and at least 0";
    private static final String ABOVE_ZERO = "finite and above 0";
    private static final String DECAY_RANGE = "in [0, 1)";

    /** Rule, record component, setting, range. */
    static Stream<Arguments> hyperParameters() {
        return Stream.of(
                arguments("sgd", "SGD: learningRate", "lr", RATE_RANGE),
                arguments("sgd", "SGD: momentum", "momentum", DECAY_RANGE),
                arguments("sgd", "SGD: dampening", "dampening", "finite"),
                arguments("sgd", "SGD: weightDecay", "weight_decay", RATE_RANGE),
                arguments("adam", "Adam: learningRate", "lr", RATE_RANGE),
                arguments("adam", "Adam: beta1", "beta1", DECAY_RANGE),
                arguments("adam", "Adam: beta2", "beta2", DECAY_RANGE),
                arguments("adam", "Adam: epsilon", "eps", RATE_RANGE),
                arguments("adam", "Adam: weightDecay", "weight_decay", RATE_RANGE),
                arguments("adamw", "AdamW: learningRate", "lr", RATE_RANGE),
                arguments("adamw", "AdamW: beta1", "beta1", DECAY_RANGE),
                arguments("adamw", "AdamW: beta2", "beta2", DECAY_RANGE),
                arguments("adamw", "AdamW: epsilon", "eps", RATE_RANGE),
                arguments("adamw", "AdamW: weightDecay", "weight_decay", RATE_RANGE),
                arguments("lion", "Lion: learningRate", "lr", RATE_RANGE),
                arguments("lion", "Lion: beta1", "beta1", DECAY_RANGE),
                arguments("lion", "Lion: beta2", "beta2", DECAY_RANGE),
                arguments("lion", "Lion: weightDecay", "weight_decay", RATE_RANGE),
                arguments("sophia-g", "SophiaG: learningRate", "lr", RATE_RANGE),
                arguments("sophia-g", "SophiaG: beta1", "beta1", DECAY_RANGE),
                arguments("sophia-g", "SophiaG: beta2", "beta2", DECAY_RANGE),
                arguments("sophia-g", "SophiaG: rho", "rho", ABOVE_ZERO),
                arguments("sophia-g", "SophiaG: batchSize", "batch_size", ABOVE_ZERO),
                arguments("sophia-g", "SophiaG: weightDecay", "weight_decay", RATE_RANGE),
                arguments("sophia-h", "SophiaH: learningRate", "lr", RATE_RANGE),
                arguments("sophia-h", "SophiaH: beta1", "beta1", DECAY_RANGE),
                arguments("sophia-h", "SophiaH: beta2", "beta2", DECAY_RANGE),
                arguments("sophia-h", "SophiaH: clip", "clip", ABOVE_ZERO),
                arguments("sophia-h", "SophiaH: epsilon", "eps", ABOVE_ZERO),
                arguments("sophia-h", "SophiaH: weightDecay", "weight_decay", RATE_RANGE),
                arguments("ada-fisher", "AdaFisher: learningRate", "lr", RATE_RANGE),
                arguments("ada-fisher", "AdaFisher: beta1", "beta1", DECAY_RANGE),
                arguments("ada-fisher", "AdaFisher: damping", "damping", ABOVE_ZERO),
                arguments("ada-fisher", "AdaFisher: weightDecay", "weight_decay", RATE_RANGE));
    }

    @ParameterizedTest
    @MethodSource("hyperParameters")
    void valuesOutOfRangeAreRefused(String rule, String name, String setting, String range) {
        var refused =
                switch (range) {
                    case RATE_RANGE -> new double[] {Double.NaN, Double.POSITIVE_INFINITY, -0.25};
                    case ABOVE_ZERO -> new double[] {Double.NaN, Double.POSITIVE_INFINITY, 0, -1};
                    case DECAY_RANGE -> new double[] {Double.NaN, 1, -0.25, 1.5};
                    default ->
                            new double[] {
                                Double.NaN, Double.POSITIVE_INFINITY, Double.NEGATIVE_INFINITY
                            };
                };
        for (double value : refused) {
            var settings = Map.of(setting, String.valueOf(value));
            assertThatThrownBy(() -> Rules.with(Rules.named(rule), settings))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessage(name + " must be " + range + ", but is " + value);
        }
    }

    @ParameterizedTest
    @MethodSource("hyperParameters")
    void theEndsOfTheRangeAreTaken(String rule, String name, String setting, String range) {
        var taken =
                switch (range) {
                    case RATE_RANGE ->
                            setting.equals("lr")
                                    ? new double[] {0, 0x1p100}
                                    : new double[] {0, 1e-300, 1e30};
                    // The least rho and batch size are those whose product is a float.
                    case ABOVE_ZERO -> new double[] {1e-43, 1e30};
                    case DECAY_RANGE -> new double[] {0, Math.nextDown(1f)};
                    default -> new double[] {-Float.MAX_VALUE, Float.MAX_VALUE};
                };
        for (double value : taken) {
            Rules.with(Rules.named(rule), Map.of(setting, String.valueOf(value)));
        }
    }

    @ParameterizedTest
    @MethodSource("hyperParameters")
    void valuesThatAreOutOfRangeAsFloat32AreRefused(
            String rule, String name, String setting, String range) {
        var refused =
                switch (range) {
                    case RATE_RANGE -> new double[] {1e39};
                    case ABOVE_ZERO -> new double[] {1e-46, 1e39};
                    case DECAY_RANGE -> new double[] {1 - 0x1p-53, 1 - 0x1p-25};
                    default -> new double[] {-1e39, 1e39};
                };
        for (double value : refused) {
            var settings = Map.of(setting, String.valueOf(value));
            assertThatThrownBy(() -> Rules.with(Rules.named(rule), settings))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessage(name + " must be " + range + " as float32, but is " + value);
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
                .hasMessageEndingWith(": learningRate must be finite and at least 0, but is NaN");
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
