package org.panoptim.bench.run;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;
import org.panoptim.bench.Work;
import org.panoptim.bench.Workload;
import org.panoptim.cli.InputException;

import java.util.List;
import java.util.Map;

class PlanTest {

    private static final Map<String, String> PEERS = Map.of("djl", "what DJL is");

    private static Plan plan(boolean quick, List<String> workloads, String... parts) {
        return new Plan(quick, workloads, "simd", Part.of(List.of(parts)));
    }

    @Test
    void everyWorkloadIsMeasuredWithEveryWorkBesideTheLimit() {
        var runs = plan(false, List.of(), "limit").steps(PEERS);
        for (var workload : Workload.USUAL) {
            for (var work : Work.values()) {
                assertThat(runs)
                        .filteredOn(run -> run.workload().equals(workload) && run.work() == work)
                        .hasSize(1)
                        .allMatch(run -> run.opponent().equals("limit"));
            }
        }
    }

    @Test
    void everyPeerIsMeasuredWithStepAndClipStepZero() {
        var runs = plan(false, List.of("flat"), "peers").steps(PEERS);
        assertThat(runs)
                .extracting(StepRun::opponent, StepRun::work, StepRun::description)
                .containsExactly(
                        org.assertj.core.groups.Tuple.tuple("djl", Work.STEP, "what DJL is"),
                        org.assertj.core.groups.Tuple.tuple(
                                "djl", Work.CLIP_STEP_ZERO, "what DJL is"));
    }

    @Test
    void scalingGoesFromOneToTenThousandTensorsAndFromAThousandToAHundredMillionElements() {
        assertThat(plan(false, List.of(), "scaling").steps(PEERS))
                .extracting(StepRun::workload)
                .contains("tensors-1", "tensors-10000", "elements-1000", "elements-100000000");
    }

    @Test
    void quickIsLessAndSaysWhatItLeavesOut() {
        var quick = plan(true, List.of());
        var whole = plan(false, List.of());
        assertThat(units(quick)).isLessThan(units(whole) / 5);
        assertThat(quick.hasLong(Part.KFAC)).isFalse();
        assertThat(quick.leftOut())
                .hasSize(3)
                .anyMatch(line -> line.startsWith("kfac: "))
                .anyMatch(line -> line.startsWith("torch-foreach, and peers on resnet-50: "));
        assertThat(whole.leftOut()).isEmpty();
    }

    @Test
    void quickLeavesNoPeerOutOfWorkloadsThatWereNamed() {
        var peers = Map.of("torch-foreach", "what it is");
        assertThat(plan(true, List.of("resnet-50"), "peers").steps(peers)).hasSize(1);
        assertThat(plan(true, List.of("resnet-50"), "peers").leftOut()).isEmpty();
        assertThat(plan(true, List.of(), "peers").steps(peers)).isEmpty();
    }

    private static int units(Plan plan) {
        return plan.steps(PEERS).stream().mapToInt(run -> run.effort().units()).sum();
    }

    @Test
    void anUnknownPartIsRefused() {
        assertThatThrownBy(() -> Part.of(List.of("everything")))
                .isInstanceOf(InputException.class)
                .hasMessageContaining("--only")
                .hasMessageContaining("'everything'")
                .hasMessageContaining("start-up");
    }
}
