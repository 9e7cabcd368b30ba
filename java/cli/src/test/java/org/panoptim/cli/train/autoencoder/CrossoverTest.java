package org.panoptim.cli.train.autoencoder;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.panoptim.cli.run.Run;
import org.panoptim.cli.train.OptimizerEntry;

import java.util.List;

class CrossoverTest {

    private static LossCurve curve(String name, double secondsAStep, double... errors) {
        var points = new java.util.ArrayList<LossCurve.Point>();
        for (int i = 0; i < errors.length; i++) {
            points.add(new LossCurve.Point(i, i * secondsAStep, 20, errors[i]));
        }
        return curve(name, 1, points);
    }

    private static LossCurve curve(String name, long seed, List<LossCurve.Point> points) {
        var choice = AutoencoderChoice.of(OptimizerEntry.parse(name));
        return new LossCurve(choice, seed, points, Run.End.COMPLETE, "");
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
    void ofSeveralSeedsTheMeanCurveIsTaken() {
        var first = curve("kfac", 1, List.of(point(0, 0, 8), point(1, 2, 4), point(2, 4, 2)));
        var second = curve("kfac", 2, List.of(point(0, 0, 10), point(1, 4, 6)));

        assertThat(LossCurve.means(List.of(first, second)))
                .singleElement()
                .extracting(LossCurve::points)
                .isEqualTo(List.of(point(0, 0, 9), point(1, 3, 5)));
    }

    private static LossCurve.Point point(int iteration, double seconds, double error) {
        return new LossCurve.Point(iteration, seconds, 20, error);
    }

    @Test
    void withoutBothThereIsNothingToSay() {
        assertThat(Crossover.all(List.of(curve("adam", 1, 9), curve("sgd", 1, 9)))).isEmpty();
    }
}
