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
        figures.put(Verdict.STEP_SECONDS, seconds);
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
                        "sgd has the highest accuracy (95.00 %); a step of adamw@0.1 took 2000.0"
                                + " µs, one of torch-adamw@0.1 3000.0 (1.5 times as fast).");
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
    void timesOfSeveralSeedsThatOverlapAreNoDifference() {
        var own =
                contender(
                        "adamw",
                        "1",
                        run(Run.End.COMPLETE, 0.9, 1e-6),
                        run(Run.End.COMPLETE, 0.9, 3e-6));
        var near =
                contender(
                        "torch-adamw",
                        "1",
                        run(Run.End.COMPLETE, 0.8, 3e-6),
                        run(Run.End.COMPLETE, 0.8, 5e-6));

        assertThat(verdict(own, near).sentence())
                .endsWith(
                        "; a step of adamw took 2.0 ± 1.4 µs, one of torch-adamw 4.0 ± 1.4 (no"
                                + " clear difference).");
    }

    @Test
    void theSentenceIsOfTheRunAtHand() {
        var own = good("adamw", "0.1", 0.9, 1);
        var others =
                List.of(
                        good("torch-adamw", "0.1", 0.8, 2).labelled("before"),
                        good("sgd", "0.1", 0.99, 2).labelled("before"));

        assertThat(verdict(own, good("lion", "1", 0.5, 1), others.get(0), others.get(1)).sentence())
                .isEqualTo("adamw has the highest accuracy (90.00 %).");
    }

    @Test
    void whatWasStoppedCountsOnlyWhereThereIsNothingElse() {
        var some = contender("a", "1", run(Run.End.COMPLETE, 0.5, 1), run(Run.End.STOPPED, 0.9, 1));

        assertThat(some.spread("accuracy")).isEqualTo(new Spread(0.5, 0, 1));
        assertThat(contender("b", "1", run(Run.End.STOPPED, 0.9, 1)).spread("accuracy"))
                .isEqualTo(new Spread(0.9, 0, 1));
    }

    @Test
    void whatEndedWorseThanItBeganFailsToo() {
        var verdict = verdict(contender("a", "1", run(Run.End.WORSENED, 0.5, 1)));

        assertThat(verdict.isGood()).isFalse();
        assertThat(verdict.sentence()).isEqualTo("a ended worse than untrained.");
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
