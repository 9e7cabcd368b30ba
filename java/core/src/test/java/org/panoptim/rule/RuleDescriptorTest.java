package org.panoptim.rule;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

import java.util.ArrayList;
import java.util.Map;
import java.util.stream.Stream;

class RuleDescriptorTest {

    private static final RuleDescriptor<AdamW> ADAMW = AdamW.defaults().descriptor();

    @Test
    void aSettingHasTheNamesOfTheRecordOfPyTorchAndOfTheKernel() {
        var setting = ADAMW.settings().getFirst();
        assertThat(setting.component()).isEqualTo("learningRate");
        assertThat(setting.name()).isEqualTo("lr");
        assertThat(setting.kernelName()).isEqualTo("learning_rate");
        assertThat(setting.range()).isEqualTo(RuleSetting.Range.RATE);
        assertThat(setting.initial()).isEqualTo(1e-3);
    }

    @Test
    void oneSettingIsChangedByName() {
        assertThat(ADAMW.with(AdamW.defaults(), "amsgrad", true))
                .isEqualTo(AdamW.defaults().withAmsgrad(true));
        assertThat(ADAMW.with(AdamW.defaults(), "eps", 0.5))
                .isEqualTo(AdamW.defaults().withEpsilon(0.5));
    }

    @Test
    void aValueOfAnotherTypeIsRefused() {
        assertThatThrownBy(() -> ADAMW.with(AdamW.defaults(), "amsgrad", 1.0))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("adamw: amsgrad is a Boolean, not a Double");
    }

    @Test
    void anUnknownNameIsAnsweredWithTheKnownOnes() {
        assertThatThrownBy(() -> ADAMW.with(AdamW.defaults(), "rho", 1.0))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage(
                        "adamw has no setting rho; it has lr, beta1, beta2, eps, weight_decay,"
                                + " amsgrad, maximize");
    }

    @Test
    void kernelsTakeSwitchesAsNumbers() {
        var rule = AdamW.defaults().withMaximize(true);
        assertThat(ADAMW.number(rule, 0)).isEqualTo(1e-3);
        assertThat(ADAMW.number(rule, 5)).isZero();
        assertThat(ADAMW.number(rule, 6)).isEqualTo(1);
    }

    @Test
    void twoSettingsOfOneNameAreRefused() {
        var builder =
                RuleDescriptor.of(Lion.class, "a test")
                        .decay("beta1", 0, Lion::beta1)
                        .decay("beta1", 0, Lion::beta2);
        assertThatThrownBy(() -> builder.build(_ -> Lion.defaults()))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("Lion has two settings 'beta1'");
    }

    static Stream<UpdateRule> companions() {
        return Rules.companions().stream();
    }

    @ParameterizedTest
    @MethodSource("companions")
    void whatACompanionTakesFromTheRuleIsNotItsOwnToSet(UpdateRule companion) {
        var rule = AdamW.withLearningRate(0.25).withWeightDecay(0.5).withMaximize(true);
        var beside = ((Companion) companion).beside(rule);
        var descriptor = companion.descriptor();
        var taken = new ArrayList<RuleSetting>();
        for (int i = 0; i < descriptor.settings().size(); i++) {
            if (!descriptor.value(companion, i).equals(descriptor.value(beside, i))) {
                taken.add(descriptor.settings().get(i));
            }
        }
        var own = new ArrayList<>(descriptor.settings());
        own.removeAll(taken);
        assertThat(descriptor.ownSettings()).isEqualTo(own);
    }

    @Test
    void whoAsksForItsSettingsIsNotToldOfTheRules() {
        assertThatThrownBy(() -> Rules.with(Cautious.ofUpdates(), Map.of("rho", "1")))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("cautious has no setting rho; it has update, cautious_decay");
    }

    @Test
    void anInfiniteGrowthIsReadBack() {
        var rule = Prodigy.defaults();
        assertThat(Rules.settings(rule)).containsEntry("growth_rate", "Infinity");
        assertThat(Rules.with(rule, Map.of("growth_rate", "1.5")).growthRate()).isEqualTo(1.5);
        assertThat(Rules.with(rule, Rules.settings(rule))).isEqualTo(rule);
        assertThatThrownBy(() -> Rules.with(rule, Map.of("growth_rate", "0.5")))
                .hasMessage("prodigy: growth_rate must be at least 1, but is 0.5");
    }
}
