package org.panoptim.bench.result;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

import java.util.List;

class ComparisonTest {

    private static Comparison.Change change(double before, double now) {
        var comparison =
                Comparison.of(
                        Samples.results(List.of(Samples.step("flat", "limit", before))),
                        Samples.results(List.of(Samples.step("flat", "limit", now))));
        assertThat(comparison.changes()).hasSize(1);
        assertThat(comparison.passes()).isEqualTo(!comparison.changes().getFirst().isLoss());
        return comparison.changes().getFirst();
    }

    @Test
    void aLossAboveFivePercentBeyondTheSpreadIsALoss() {
        var change = change(1, .9);
        assertThat(change.isBeyondSpread()).isTrue();
        assertThat(change.gain()).isBetween(-.11, -.09);
        assertThat(change.isLoss()).isTrue();
    }

    @Test
    void aSmallerLossIsShownAndTolerated() {
        var change = change(1, .96);
        assertThat(change.isBeyondSpread()).isTrue();
        assertThat(change.isLoss()).isFalse();
    }

    @Test
    void whatLiesWithinTheSpreadIsNoChange() {
        assertThat(change(1, .99).isBeyondSpread()).isFalse();
    }

    @Test
    void aGainIsNoLoss() {
        var change = change(1, 1.2);
        assertThat(change.isBeyondSpread()).isTrue();
        assertThat(change.isLoss()).isFalse();
    }

    @Test
    void stepsAloneAreComparedByTheirTime() {
        var slow = Samples.step("tiny", "none", 1);
        var fast =
                new StepTimes(
                        "tiny",
                        "STEP",
                        "simd",
                        "none",
                        "alone",
                        1,
                        64,
                        new double[] {5e6, 5.5e6, 6e6},
                        new double[0],
                        0);
        var comparison =
                Comparison.of(Samples.results(List.of(fast)), Samples.results(List.of(slow)));
        assertThat(comparison.passes()).isFalse();
    }

    @Test
    void whatOneRunAloneMeasuredAndWhatStandsBesidePeersIsLeftOut() {
        var before = List.of(Samples.step("flat", "limit", 1), Samples.step("flat", "djl", 5));
        var now = List.of(Samples.step("small", "limit", 1), Samples.step("flat", "djl", 1));
        assertThat(Comparison.of(Samples.results(before), Samples.results(now)).changes())
                .isEmpty();
    }
}
