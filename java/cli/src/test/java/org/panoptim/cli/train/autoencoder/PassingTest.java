package org.panoptim.cli.train.autoencoder;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

import java.util.List;

class PassingTest {

    private static Trajectory trajectory(String name, double secondsAStep, double... errors) {
        var points = new java.util.ArrayList<Trajectory.Point>();
        for (int i = 0; i < errors.length; i++) {
            points.add(new Trajectory.Point(i, i * secondsAStep, 20, errors[i]));
        }
        return new Trajectory(Method.named(name), points, true, "");
    }

    @Test
    void itSaysWhenAndHowMuchSooner() {
        var kfac = trajectory("kfac", .5, 9, 4, 1, .5);
        var adam = trajectory("adam", .1, 9, 8, 7, 6, 5, 4, 3, 3, 3, 3, 2);

        assertThat(Passing.all(List.of(adam, kfac)))
                .extracting(Passing::sentence)
                .containsExactly(
                        "kfac passed the squared error that adam had after 10 iterations and 1.00 s"
                                + " (2.000) at iteration 2, after 1.00 s: 1.0 times as fast.");
    }

    @Test
    void itSaysThatItDidNot() {
        var kfac = trajectory("kfac", .5, 9, 4);
        var adam = trajectory("adam", .1, 9, 3);

        assertThat(new Passing(kfac, adam).sentence())
                .isEqualTo(
                        "kfac did not pass the squared error that adam had after 1 iterations and"
                                + " 0.10 s (3.000) in 1 iterations and 0.50 s.");
    }

    @Test
    void withoutBothThereIsNothingToSay() {
        assertThat(Passing.all(List.of(trajectory("adam", 1, 9), trajectory("sgd", 1, 9))))
                .isEmpty();
    }
}
