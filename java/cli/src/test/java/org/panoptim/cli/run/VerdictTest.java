package org.panoptim.cli.run;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.panoptim.cli.train.Format;

import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;

class VerdictTest {

    private static final Measure MEASURE =
            new Measure("accuracy", "highest accuracy", true, Format::percent);

    private static Run run(Run.End end, double accuracy, double seconds) {
        var figures = new LinkedHashMap<String, Double>();
        figures.put("accuracy", accuracy);
        figures.put(Verdict.OPTIMIZER_SECONDS, seconds);
        return new Run(1, end, "", figures, List.of());
    }

    private static Contender contender(String name, String rate, Run... runs) {
        var settings = new LinkedHashMap<String, String>();
        settings.put("lr", rate);
        return Contender.of(name, name.startsWith("torch-"), settings, Arrays.asList(runs));
    }

    private static Contender good(String name, String rate, double accuracy, double seconds) {
        return contender(name, rate, run(Run.End.COMPLETE, accuracy, seconds));
    }

    private static Verdict verdict(Contender... contenders) {
        return new Verdict(new Results(List.of(), MEASURE, List.of(contenders)));
    }

    @Test
    void theBestIsNamedAndPyTorchsOwnIsComparedByItsTime() {
        var verdict =
                verdict(
                        good("adamw@0.1", "0.1", 0.9, 0.002),
                        good("torch-adamw@0.1", "0.1", 0.9, 0.003),
                        good("sgd", "0.1", 0.95, 0.001));

        assertThat(verdict.isGood()).isTrue();
        assertThat(verdict.sentence())
                .isEqualTo(
                        "sgd has the highest accuracy (95.00 %); adamw@0.1 took 2.0 ms in the"
                                + " optimizer, torch-adamw@0.1 3.0 ms (1.5 times as fast).");
    }

    @Test
    void anotherRuleOrAnotherSettingIsNoMatch() {
        assertThat(
                        verdict(
                                        good("adam", "0.1", 0.9, 1),
                                        good("torch-adamw", "0.1", 0.8, 1),
                                        good("adamw", "0.2", 0.7, 1))
                                .sentence())
                .isEqualTo("adam has the highest accuracy (90.00 %).");
    }

    @Test
    void onesOfAnotherRunAreNoMatch() {
        var own = good("adamw", "0.1", 0.9, 1);
        var engines = good("torch-adamw", "0.1", 0.8, 2);

        assertThat(verdict(own, engines.labelled("before")).sentence())
                .isEqualTo("adamw has the highest accuracy (90.00 %).");
        assertThat(verdict(own.labelled("before"), engines.labelled("before")).sentence())
                .endsWith(
                        "; adamw [before] took 1000.0 ms in the optimizer, torch-adamw [before]"
                                + " 2000.0 ms (2.0 times as fast).");
    }

    @Test
    void equalsAreAllNamed() {
        assertThat(verdict(good("a", "1", 0.9, 1), good("b", "1", 0.9, 1)).sentence())
                .isEqualTo("a, b have the highest accuracy (90.00 %).");
    }

    @Test
    void whoDivergedIsNamedFirstAndIsNeverTheBest() {
        var diverged =
                contender(
                        "lion",
                        "9",
                        run(Run.End.COMPLETE, 1, 1),
                        run(Run.End.DIVERGED, Double.NaN, 1));
        var verdict = verdict(diverged, good("a", "1", 0.5, 1), good("b", "1", 0.9, 1));

        assertThat(verdict.isGood()).isFalse();
        assertThat(verdict.sentence())
                .isEqualTo("lion diverged; b has the highest accuracy (90.00 %).");
        assertThat(verdict(diverged).sentence()).isEqualTo("lion diverged.");
        // What diverged before is no failure of the run at hand.
        assertThat(verdict(diverged.labelled("before")).isGood()).isTrue();
    }

    @Test
    void ofOneAloneThereIsNothingToSay() {
        assertThat(verdict(good("a", "1", 0.5, 1)).sentence()).isEmpty();
    }
}
