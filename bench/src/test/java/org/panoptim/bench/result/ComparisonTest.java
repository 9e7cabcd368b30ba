package org.panoptim.bench.result;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.panoptim.bench.result.Results.StartUpTimes;

import java.util.Arrays;
import java.util.List;

class ComparisonTest {

    private static Comparison.Change change(double before, double now) {
        var comparison =
                Comparison.of(
                        Samples.results(List.of(Samples.step("flat", "limit", before))),
                        Samples.results(List.of(Samples.step("flat", "limit", now))));
        var changes = ofSteps(comparison);
        assertThat(changes).hasSize(1);
        assertThat(comparison.passes()).isEqualTo(!changes.getFirst().isLoss());
        return changes.getFirst();
    }

    private static List<Comparison.Change> ofSteps(Comparison comparison) {
        return comparison.changes().stream()
                .filter(
                        change ->
                                change.figure()
                                        .matches(".*(compared with a plain C loop|steps a second)"))
                .toList();
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
        assertThat(ofSteps(Comparison.of(Samples.results(before), Samples.results(now)))).isEmpty();
    }

    @Test
    void aSlowerStartIsALoss() {
        var before = Samples.results(List.of());
        var slower =
                before.startUps().stream()
                        .map(
                                start ->
                                        new StartUpTimes(
                                                start.backend(),
                                                start.cached(),
                                                start.opened(),
                                                start.built(),
                                                doubled(start.stepped()),
                                                start.process()))
                        .toList();
        var now =
                new Results(
                        before.format(),
                        before.date(),
                        before.version(),
                        before.command(),
                        before.host(),
                        before.steps(),
                        slower,
                        before.memory(),
                        before.calls(),
                        before.refreshes(),
                        before.kfac(),
                        before.kernels(),
                        before.teams(),
                        before.teamSpeeds(),
                        before.leftOut());

        assertThat(Comparison.of(before, before).passes()).isTrue();
        assertThat(Comparison.of(before, now).passes()).isFalse();
        assertThat(Comparison.of(now, before).passes()).isTrue();
    }

    @Test
    void slowerKernelsAndSlowerWorkOfKfacAreLosses() {
        var before = Samples.results(false, List.of(), 1);
        var slower = Samples.results(false, List.of(), 1.2);

        assertThat(Comparison.of(before, before).passes()).isTrue();
        assertThat(Comparison.of(before, slower).changes())
                .filteredOn(Comparison.Change::isLoss)
                .extracting(Comparison.Change::figure)
                .containsExactly(
                        "RESNET50, inverses of all factors, CHOLESKY, simd: a second",
                        "GPT2_SMALL, accumulate, cuda-ffm: a second",
                        "GPT2_SMALL, precondition, cuda-ffm: share of the products",
                        "gpt2-small, adamw, step, cuda-ffm, panoptim_measure: share of the copy",
                        "gpt2-small, adamw, step, cuda-ffm, panoptim_control_adamw: launches a"
                                + " second",
                        "gpt2-small, a team of 1, simd: a second",
                        "gpt2-small, a team of 2, simd: a second");
        assertThat(Comparison.of(slower, before).passes()).isTrue();
    }

    @Test
    void timesOfTheVirtualDeviceAreNotCompared() {
        var device = Samples.results(false, List.of(Samples.step("flat", "limit", 1)), 1);
        var virtual = Samples.results(true, List.of(Samples.step("flat", "limit", .1)), 9);
        assertThat(Comparison.of(device, virtual).changes()).isEmpty();
        assertThat(Comparison.of(virtual, device).changes()).isEmpty();
    }

    private static double[] doubled(double[] values) {
        return Arrays.stream(values).map(value -> 2 * value).toArray();
    }
}
