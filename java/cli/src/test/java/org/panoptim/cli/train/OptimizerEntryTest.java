package org.panoptim.cli.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import org.junit.jupiter.api.Test;

import java.util.List;
import java.util.Map;

class OptimizerEntryTest {

    @Test
    void anEntryIsANameARateSettingsAndCompanions() {
        var entry = OptimizerEntry.parse("adamw@3e-3:beta1=0.8:amsgrad=true+sam:rho=0.1");

        assertThat(entry.name()).isEqualTo("adamw");
        assertThat(entry.optimizer().settings())
                .isEqualTo(Map.of("lr", "3e-3", "beta1", "0.8", "amsgrad", "true"));
        assertThat(entry.companions()).extracting(OptimizerEntry.Part::name).containsExactly("sam");
        assertThat(entry.companions().getFirst().settings()).isEqualTo(Map.of("rho", "0.1"));
        assertThat(entry.text()).isEqualTo("adamw@3e-3:beta1=0.8:amsgrad=true+sam:rho=0.1");
    }

    @Test
    void theRateMayBeASettingLikeOthers() {
        assertThat(OptimizerEntry.parse("sgd@0.1").hasRate()).isTrue();
        assertThat(OptimizerEntry.parse("sgd:lr=0.1").hasRate()).isTrue();
        assertThat(OptimizerEntry.parse("sgd:momentum=0.1").hasRate()).isFalse();
    }

    @Test
    void thePlusOfAnExponentBeginsNoCompanion() {
        var entry = OptimizerEntry.parse("prodigy@1e+0:growth_rate=1e+3");

        assertThat(entry.companions()).isEmpty();
        assertThat(entry.optimizer().settings())
                .isEqualTo(Map.of("lr", "1e+0", "growth_rate", "1e+3"));
    }

    @Test
    void whatIsNoEntryIsSaid() {
        assertRefused("", "'': a name is missing");
        assertRefused("@0.1", "'@0.1': a name is missing");
        assertRefused("sgd+", "'sgd+': a name is missing");
        assertRefused(
                "adam@fast",
                "'adam@fast': the learning rate behind @ must be a number, but is 'fast'");
        assertRefused("adam@", "'adam@': the learning rate behind @ must be a number, but is ''");
        assertRefused("adam:", "'adam:': expected key=value behind ':', found ''");
        assertRefused("adam:lr", "'adam:lr': expected key=value behind ':', found 'lr'");
        assertRefused("adam:=1", "'adam:=1': expected key=value behind ':', found '=1'");
        assertRefused("adam@1:lr=2", "'adam@1:lr=2': lr is set twice");
        assertRefused("sgd+sam@1", "'sgd+sam@1': a companion has no learning rate");
    }

    private static void assertRefused(String text, String message) {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> OptimizerEntry.parse(text))
                .withMessage(message);
    }

    @Test
    void entriesAreJoinedAsTheyCame() {
        assertThat(
                        OptimizerEntry.join(
                                List.of(
                                        OptimizerEntry.parse("sgd@0.10"),
                                        OptimizerEntry.parse("adam"))))
                .isEqualTo("sgd@0.10,adam");
    }
}
