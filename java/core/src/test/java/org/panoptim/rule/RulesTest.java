package org.panoptim.rule;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

import java.lang.reflect.RecordComponent;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;

class RulesTest {

    /** Those that step, and the companions. */
    private static List<UpdateRule> everyRule() {
        return Stream.concat(Rules.all().stream(), Rules.companions().stream()).toList();
    }

    @Test
    void theRulesOfTheLibraryAreListedOnceWithTheirDefaults() {
        assertThat(everyRule())
                .allSatisfy(rule -> assertThat(rule).isEqualTo(rule.descriptor().defaults()))
                .contains(SGD.defaults(), AdaFisher.defaults());
        assertThat(everyRule().stream().map(UpdateRule::name)).doesNotHaveDuplicates();
        assertThat(Rules.all().stream().map(UpdateRule::name))
                .startsWith("sgd", "adam", "adamw", "lion", "sophia-g", "sophia-h", "ada-fisher");
    }

    /** Named after the rule, whatever its capitals. */
    @Test
    void everyRuleHasItsFactory() throws ReflectiveOperationException {
        for (var rule : Rules.all()) {
            var type = rule.getClass();
            var factories =
                    Arrays.stream(Rules.class.getMethods())
                            .filter(each -> each.getName().equalsIgnoreCase(type.getSimpleName()))
                            .toList();
            assertThat(factories).as(rule.name()).hasSize(1);
            var factory = factories.getFirst();
            assertThat(factory.getReturnType()).isEqualTo(type);
            assertThat(factory.getParameterTypes()).as(rule.name()).containsExactly(double.class);
            assertThat(factory.invoke(null, 0.0625)).isEqualTo(rule.atLearningRate(0.0625));
        }
        assertThat(Rules.adamW(1e-3).withWeightDecay(0.1))
                .isEqualTo(AdamW.withLearningRate(1e-3).withWeightDecay(0.1));
    }

    @Test
    void everyRuleSaysWhereItComesFrom() {
        assertThat(everyRule())
                .allSatisfy(rule -> assertThat(rule.descriptor().source()).isNotBlank());
    }

    @Test
    void everySettingsComponentIsOneOfTheRecord() {
        for (var rule : everyRule()) {
            assertThat(rule.descriptor().settings().stream().map(RuleSetting::component))
                    .as(rule.name())
                    .containsExactlyElementsOf(
                            Arrays.stream(rule.getClass().getRecordComponents())
                                    .map(RecordComponent::getName)
                                    .toList());
        }
    }

    /** A getter of another component would go unseen where both have the same value. */
    @Test
    void everySettingIsReadFromItsComponent() throws ReflectiveOperationException {
        for (var rule : everyRule()) {
            var settings = rule.descriptor().settings();
            for (int i = 0; i < settings.size(); i++) {
                var component = rule.getClass().getRecordComponents()[i];
                for (var changed : List.of(rule, withAllChanged(rule))) {
                    assertThat(changed.descriptor().value(changed, i))
                            .as("%s: %s", rule.name(), component.getName())
                            .isEqualTo(component.getAccessor().invoke(changed));
                }
            }
        }
    }

    /** The rule with another value for every number, no two alike. */
    private static UpdateRule withAllChanged(UpdateRule rule) {
        var settings = new HashMap<String, String>();
        for (var setting : rule.descriptor().settings()) {
            if (!setting.isFlag() && !setting.name().equals("dampening")) {
                settings.put(setting.name(), value(setting.range(), settings.size()));
            }
        }
        return Rules.with(rule, settings);
    }

    /** The value in a range of some number, another one for each. */
    private static String value(RuleSetting.Range range, int number) {
        double value = 0.5 + number / 64.0;
        return switch (range) {
            case COUNT, POSITIVE_COUNT, ITERATIONS -> String.valueOf(2 + number);
            case GROWTH -> String.valueOf(1 + value);
            case NON_POSITIVE -> String.valueOf(-value);
            default -> String.valueOf(value);
        };
    }

    @Test
    void aRuleIsFoundByName() {
        for (var rule : Rules.all()) {
            assertThat(Rules.named(rule.name())).isEqualTo(rule);
        }
    }

    @Test
    void aCompanionIsNoRuleThatStepsAndTheOtherWayRound() {
        assertThat(Rules.all().stream().map(UpdateRule.class::cast))
                .allSatisfy(rule -> assertThat(rule.phases()).isPositive());
        assertThat(Rules.companions())
                .allSatisfy(
                        rule -> {
                            assertThat(rule.phases()).isZero();
                            assertThat(rule.passes()).isNotEmpty();
                            assertThat(Rules.isOfLibrary(rule)).isTrue();
                        });
    }

    @Test
    void anUnknownNameIsAnsweredWithTheKnownOnes() {
        assertThatThrownBy(() -> Rules.named("quickest"))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage(
                        "there is no rule 'quickest'; the rules are "
                                + String.join(
                                        ", ", Rules.all().stream().map(UpdateRule::name).toList()));
    }

    @Test
    void settingsHavePyTorchsNames() {
        assertThat(keys("sgd"))
                .containsExactly(
                        "lr", "momentum", "dampening", "weight_decay", "nesterov", "maximize");
        assertThat(keys("adam"))
                .containsExactly(
                        "lr", "beta1", "beta2", "eps", "weight_decay", "amsgrad", "maximize");
        assertThat(keys("adamw")).isEqualTo(keys("adam"));
        assertThat(keys("lion")).containsExactly("lr", "beta1", "beta2", "weight_decay");
        assertThat(keys("sophia-g"))
                .containsExactly(
                        "lr", "beta1", "beta2", "rho", "batch_size", "weight_decay", "maximize");
        assertThat(keys("sophia-h"))
                .containsExactly("lr", "beta1", "beta2", "clip", "eps", "weight_decay");
        assertThat(keys("ada-fisher"))
                .containsExactly("lr", "beta1", "damping", "weight_decay", "maximize");
    }

    private static List<String> keys(String rule) {
        return List.copyOf(Rules.settings(Rules.named(rule)).keySet());
    }

    /** Rules whose every setting differs from its default; thirds do not end in binary. */
    static Stream<UpdateRule> unusualRules() {
        double third = 1 / 3.0;
        return Stream.of(
                new SGD(third, 0.1 * third, 0.3, 1e-300, false, true),
                new SGD(Math.ulp(1), Math.nextDown(1 - 0x1p-25), 0, third, true, false),
                new Adam(third, 0.3 * third, 0.1 + 0.2, Double.MIN_VALUE, 1e22, true, true),
                new AdamW(third, 0.3 * third, 0.1 + 0.2, Double.MIN_VALUE, 1e22, true, true),
                new Lion(third, 0.1 + 0.2, third, 0x1.fffffffffffffp99),
                new SophiaG(third, third, 0.1 + 0.2, 1e-17, 479_232, third, true),
                new SophiaH(third, third, 0.1 + 0.2, third, 1e-17, third),
                new AdaFisher(third, 0.1 + 0.2, Float.MIN_VALUE, 0.3 * third, true),
                new AdEMAMix(
                        third,
                        0.3 * third,
                        0.1 + 0.2,
                        third,
                        1e-17,
                        Double.MIN_VALUE,
                        third,
                        Long.MAX_VALUE,
                        (1L << 53) + 1));
    }

    @ParameterizedTest
    @MethodSource("unusualRules")
    void settingsReadBackToTheSameBits(UpdateRule rule) {
        assertThat(Rules.with(Rules.named(rule.name()), Rules.settings(rule))).isEqualTo(rule);
    }

    @Test
    void settingsLeftOutKeepTheirValues() {
        var rule = AdamW.withLearningRate(0.25).withAmsgrad(true);
        assertThat(Rules.with(rule, Map.of("weight_decay", " 0.5 ")))
                .isEqualTo(rule.withWeightDecay(0.5));
        assertThat(Rules.with(rule, Map.of())).isEqualTo(rule);
    }

    @Test
    void settingsThatDependOnEachOtherAreTakenTogether() {
        var settings = Map.of("nesterov", "true", "momentum", "0.9");
        assertThat(Rules.with(SGD.defaults(), settings))
                .isEqualTo(SGD.defaults().withMomentum(0.9).withNesterov(true));
    }

    @Test
    void unknownSettingsAreNamedBesideTheKnownOnes() {
        assertThatThrownBy(
                        () ->
                                Rules.with(
                                        Lion.defaults(), Map.of("rho", "1", "eps", "1", "lr", "1")))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("lion has no setting eps, rho; it has lr, beta1, beta2, weight_decay");
    }

    @ParameterizedTest
    @ValueSource(strings = {"", " ", "x", "1,5", "1e", "true", "--1", "0x"})
    void textThatIsNoNumberIsRefused(String text) {
        assertThatThrownBy(() -> Rules.with(AdamW.defaults(), Map.of("lr", text)))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage(
                        "adamw: lr must be a number, in [0, 2^100], but is '" + text.strip() + "'");
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "1", "yes", "TRUE", "False"})
    void textThatIsNoBooleanIsRefused(String text) {
        assertThatThrownBy(() -> Rules.with(AdamW.defaults(), Map.of("amsgrad", text)))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("adamw: amsgrad must be true or false, but is '" + text + "'");
    }

    /** A rule of a user's own, with a setting that has no annotation and one of type long. */
    public record OwnRule(double learningRate, @Setting("every") long interval)
            implements UpdateRule {

        @Override
        public String name() {
            return "own";
        }

        @Override
        public OwnRule atLearningRate(double value) {
            return new OwnRule(value, interval);
        }

        @Override
        public List<Slot> slots() {
            return List.of();
        }

        @Override
        public ElementUpdate prepare(int phase, Preparation preparation) {
            return _ -> {};
        }
    }

    @Test
    void aUsersRuleHasSettingsToo() {
        var rule = new OwnRule(0.5, Long.MAX_VALUE);
        assertThat(Rules.settings(rule))
                .isEqualTo(Map.of("learningRate", "0.5", "every", "9223372036854775807"));
        assertThat(Rules.with(new OwnRule(0, 0), Rules.settings(rule))).isEqualTo(rule);
        assertThatThrownBy(() -> Rules.with(rule, Map.of("every", "1.5")))
                .hasMessage("own: every must be a whole number, but is '1.5'");
    }

    private static final class Classic implements UpdateRule {

        @Override
        public String name() {
            return "classic";
        }

        @Override
        public double learningRate() {
            return 1;
        }

        @Override
        public Classic atLearningRate(double value) {
            return this;
        }

        @Override
        public List<Slot> slots() {
            return List.of();
        }

        @Override
        public ElementUpdate prepare(int phase, Preparation preparation) {
            return _ -> {};
        }
    }

    @Test
    void aRuleThatIsNoRecordHasNoSettings() {
        assertThatThrownBy(() -> Rules.settings(new Classic()))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage(
                        "rule 'classic' is not a record, so its settings cannot be listed: "
                                + Classic.class.getName());
    }

    /** A rule with a component that text cannot express. */
    public record Listing(double learningRate, List<String> names) implements UpdateRule {

        @Override
        public String name() {
            return "listing";
        }

        @Override
        public Listing atLearningRate(double value) {
            return new Listing(value, names);
        }

        @Override
        public List<Slot> slots() {
            return List.of();
        }

        @Override
        public ElementUpdate prepare(int phase, Preparation preparation) {
            return _ -> {};
        }
    }

    @Test
    void aComponentThatTextCannotExpressIsNamed() {
        assertThatThrownBy(() -> Rules.settings(new Listing(1, List.of())))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage(
                        "rule 'listing': names must be a double, boolean or long to be a setting,"
                                + " but is a List");
    }
}
