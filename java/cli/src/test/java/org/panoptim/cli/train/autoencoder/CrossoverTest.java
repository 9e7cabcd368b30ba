package org.panoptim.cli.train.autoencoder;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.panoptim.cli.train.OptimizerEntry;

import java.util.List;

class CrossoverTest {

    private static LossCurve curve(String name, double secondsAStep, double... errors) {
        var points = new java.util.ArrayList<LossCurve.Point>();
        for (int i = 0; i < errors.length; i++) {
            points.add(new LossCurve.Point(i, i * secondsAStep, 20, errors[i]));
        }
        return new LossCurve(AutoencoderChoice.of(OptimizerEntry.parse(name)), points, true, "");
    }

    @Test
    void itSaysWhenAndHowMuchSooner() {
        var kfac = curve("kfac", .5, 9, 4, 1, .5);
        var adam = curve("adam", .1, 9, 8, 7, 6, 5, 4, 3, 3, 3, 3, 2);

        assertThat(Crossover.all(List.of(adam, kfac)))
                .extracting(Crossover::sentence)
                .containsExactly(
                        "kfac passed the squared error that adam had after 10 iterations and 1.00 s"
                                + " (2.000) at iteration 2, after 1.00 s: 1.0 times as fast.");
    }

    @Test
    void itSaysThatItDidNot() {
        var kfac = curve("kfac", .5, 9, 4);
        var adam = curve("adam", .1, 9, 3);

        assertThat(new Crossover(kfac, adam).sentence())
                .isEqualTo(
                        "kfac did not pass the squared error that adam had after 1 iterations and"
                                + " 0.10 s (3.000) in 1 iterations and 0.50 s.");
    }

    @Test
    void withoutBothThereIsNothingToSay() {
        assertThat(Crossover.all(List.of(curve("adam", 1, 9), curve("sgd", 1, 9)))).isEmpty();
    }
}
