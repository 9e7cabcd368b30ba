package org.panoptim.bench.run;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;
import org.panoptim.bench.DeviceKind;
import org.panoptim.bench.FactorSizes;
import org.panoptim.bench.Scenario;
import org.panoptim.bench.Workload;
import org.panoptim.bench.run.Plan.StepRun;
import org.panoptim.cli.InputException;

import java.util.List;
import java.util.Map;

class PlanTest {

    private static final Map<String, String> PEERS = Map.of("djl", "what DJL is");

    private static final Target HOST = new Target("simd", "", DeviceKind.CPU, Long.MAX_VALUE);

    private static Plan plan(boolean quick, List<String> workloads, String... parts) {
        return new Plan(quick, workloads, List.of(), HOST, Part.of(List.of(parts), DeviceKind.CPU));
    }

    @Test
    void everyWorkloadIsMeasuredWithEveryWorkBesideTheLimit() {
        var runs = plan(false, List.of(), "limit").steps(PEERS);
        for (var workload : Workload.USUAL) {
            for (var scenario : Scenario.OF_FLOATS) {
                assertThat(runs)
                        .filteredOn(
                                run ->
                                        run.workload().equals(workload)
                                                && run.scenario() == scenario)
                        .hasSize(1)
                        .allMatch(run -> run.baseline().equals("limit"));
            }
        }
    }

    @Test
    void everyPeerIsMeasuredWithStepAndClipStepZero() {
        var runs = plan(false, List.of("flat"), "peers").steps(PEERS);
        assertThat(runs)
                .extracting(StepRun::baseline, StepRun::scenario, StepRun::description)
                .containsExactly(
                        org.assertj.core.groups.Tuple.tuple("djl", Scenario.STEP, "what DJL is"),
                        org.assertj.core.groups.Tuple.tuple(
                                "djl", Scenario.CLIP_STEP_ZERO, "what DJL is"));
    }

    @Test
    void otherTypesAreComparedWithFloats() {
        assertThat(plan(false, List.of(), "types").steps(PEERS))
                .extracting(StepRun::workload, StepRun::scenario, StepRun::baseline)
                .containsExactly(
                        org.assertj.core.groups.Tuple.tuple("flat", Scenario.BF16, "floats"),
                        org.assertj.core.groups.Tuple.tuple("flat", Scenario.COPY, "floats"),
                        org.assertj.core.groups.Tuple.tuple("flat", Scenario.AVERAGE, "floats"));
        assertThat(plan(false, List.of("few"), "types").steps(PEERS))
                .extracting(StepRun::workload)
                .containsOnly("few");
    }

    @Test
    void typesAndStatisticsAreComparedOnADeviceToo() {
        var parts = List.of("types", "statistics");
        assertThat(onDevice(DeviceKind.GPU, List.of(), parts).steps(PEERS))
                .hasSize(5)
                .extracting(StepRun::backend)
                .containsOnly("cuda-ffm");
        assertThat(onDevice(DeviceKind.GPU, List.of(), parts).leftOut()).isEmpty();
        var virtual = onDevice(DeviceKind.VIRTUAL_GPU, List.of(), parts);
        assertThat(virtual.steps(PEERS)).isEmpty();
        assertThat(virtual.leftOut())
                .containsExactly(
                        "types: the virtual device would take hours",
                        "statistics: the virtual device would take hours");
        var named = onDevice(DeviceKind.VIRTUAL_GPU, List.of("few"), parts);
        assertThat(named.steps(PEERS)).hasSize(5).extracting(StepRun::workload).containsOnly("few");
        assertThat(named.leftOut()).isEmpty();
    }

    private static Plan onDevice(DeviceKind kind, List<String> workloads, List<String> parts) {
        return new Plan(
                false,
                workloads,
                List.of(),
                new Target("cuda-ffm", "", kind, 1L << 40),
                Part.of(parts, kind));
    }

    @Test
    void statisticsAreComparedWithAStepWithout() {
        assertThat(plan(false, List.of(), "statistics").steps(PEERS))
                .extracting(StepRun::workload, StepRun::scenario, StepRun::baseline)
                .containsExactly(
                        org.assertj.core.groups.Tuple.tuple(
                                "gpt2-small", Scenario.STATISTICS, "floats"),
                        org.assertj.core.groups.Tuple.tuple(
                                "gpt2-small", Scenario.SOME_STATISTICS, "floats"));
        for (var kind : DeviceKind.values()) {
            assertThat(Part.of(List.of(), kind)).contains(Part.STATISTICS, Part.TYPES);
        }
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
                .hasSize(4)
                .anyMatch(line -> line.startsWith("kfac: "))
                .anyMatch(line -> line.startsWith("memory: "))
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

    @Test
    void kernelsAreMeasuredByThemselvesOnDevicesAlone() {
        assertThat(Part.of(List.of(), DeviceKind.CPU)).doesNotContain(Part.KERNELS);
        assertThat(Part.of(List.of(), DeviceKind.GPU)).contains(Part.KERNELS);
        assertThatThrownBy(() -> plan(false, List.of(), "kernels").requireFeasible())
                .isInstanceOf(InputException.class)
                .hasMessageContaining("--backend cuda-ffm or cuda-jcuda");
    }

    @Test
    void teamsStepTheWorkloadsThatAreNamedElseALargeOneOrIfQuickASmallOne() {
        assertThat(plan(false, List.of(), "team").teamWorkloads())
                .extracting(Workload::name)
                .containsExactly("gpt2-small");
        assertThat(plan(true, List.of(), "team").teamWorkloads())
                .extracting(Workload::name)
                .containsExactly("elements-1000000");
        assertThat(plan(true, List.of("few", "flat"), "team").teamWorkloads())
                .extracting(Workload::name)
                .containsExactly("few", "flat");
    }

    @Test
    void teamsAreMeasuredOnTheProcessorAlone() {
        var device = new Target("cuda-ffm", "", DeviceKind.GPU, 1L << 40);
        var named =
                new Plan(
                        false,
                        List.of(),
                        List.of(),
                        device,
                        Part.of(List.of("team"), DeviceKind.GPU));
        assertThat(named.leftOut()).containsExactly("team: measured on the processor alone");
        assertThat(Part.of(List.of(), DeviceKind.GPU)).doesNotContain(Part.TEAM);
        assertThat(Part.of(List.of(), DeviceKind.CPU)).contains(Part.TEAM);
    }

    @Test
    void theFactorsOfModelsThatAreNamedAreWorkedOnElseThoseOfTheUsualModels() {
        assertThat(plan(false, List.of(), "kfac").models())
                .containsExactly(FactorSizes.RESNET50, FactorSizes.GPT2_SMALL);
        assertThat(plan(false, List.of("few", "gpt2-small"), "kfac").models())
                .containsExactly(FactorSizes.GPT2_SMALL);
        var none = plan(false, List.of("few"), "kfac");
        assertThat(none.models()).isEmpty();
        assertThat(none.leftOut())
                .containsExactly("kfac: the workloads named are no models of linear layers");
    }

    @Test
    void onADeviceQuickMeasuresFactorsTooAndLeavesOutThoseThatHaveNoRoom() {
        var plan =
                new Plan(
                        true,
                        List.of(),
                        List.of(),
                        new Target("cuda-ffm", "", DeviceKind.GPU, 8L << 30),
                        Part.of(List.of("kfac"), DeviceKind.GPU));
        assertThat(plan.hasLong(Part.KFAC)).isTrue();
        assertThat(plan.models()).containsExactly(FactorSizes.RESNET50);
        assertThat(plan.leftOut())
                .containsExactly("factors of GPT-2 small: too large for the device's memory");
    }

    @Test
    void theVirtualDeviceWorksOnTwoSmallLayers() {
        var plan =
                new Plan(
                        true,
                        List.of(),
                        List.of(),
                        new Target("cuda-ffm", "", DeviceKind.VIRTUAL_GPU, 8L << 30),
                        Part.of(List.of("kfac"), DeviceKind.VIRTUAL_GPU));
        assertThat(plan.models()).containsExactly(FactorSizes.TINY);
    }

    private static int units(Plan plan) {
        return plan.steps(PEERS).stream().mapToInt(run -> run.effort().units()).sum();
    }

    @Test
    void anUnknownPartIsRefused() {
        assertThatThrownBy(() -> Part.of(List.of("everything"), DeviceKind.CPU))
                .isInstanceOf(InputException.class)
                .hasMessageContaining("--only")
                .hasMessageContaining("'everything'")
                .hasMessageContaining("start-up");
    }

    @Test
    void whatADeviceHasNoRoomForIsLeftOutWithALine() {
        // Room for the 20 bytes of each of ResNet-50's parameters, and not of GPT-2's.
        var device = new Target("cuda-ffm", "", DeviceKind.GPU, 1L << 30);
        var plan =
                new Plan(
                        false,
                        List.of(Workload.RESNET_50, Workload.GPT2_SMALL),
                        List.of(),
                        device,
                        Part.of(List.of("limit", "scaling"), DeviceKind.GPU));

        assertThat(plan.steps(Map.of()))
                .extracting(StepRun::workload)
                .contains("resnet-50", "elements-10000000")
                .doesNotContain("gpt2-small", "elements-100000000");
        assertThat(plan.leftOut())
                .containsExactly(
                        "gpt2-small: too large for the device's memory",
                        "elements-100000000: too large for the device's memory");
    }

    @Test
    void theVirtualDeviceIsNotAskedForWhatTakesHours() {
        var virtual = new Target("cuda-ffm", "", DeviceKind.VIRTUAL_GPU, 1L << 40);
        var all = Part.of(List.of("limit", "scaling"), DeviceKind.VIRTUAL_GPU);

        var small = new Plan(true, List.of("few", "small"), List.of(), virtual, all);
        small.requireFeasible();
        assertThat(small.steps(Map.of()))
                .extracting(StepRun::workload)
                .containsOnly("few", "small", "tiny");
        assertThat(small.leftOut()).containsExactly("scaling: the virtual device would take hours");

        assertThatThrownBy(
                        () -> new Plan(true, List.of(), List.of(), virtual, all).requireFeasible())
                .isInstanceOf(InputException.class)
                .hasMessageContaining("flat has 33,554,432 parameters");
    }

    @Test
    void onADeviceTheLimitIsACopyWithinItsMemory() {
        var device = new Target("cuda-jcuda", "", DeviceKind.GPU, 1L << 40);
        var plan =
                new Plan(
                        true,
                        List.of("flat"),
                        List.of(),
                        device,
                        Part.of(List.of("limit"), DeviceKind.GPU));

        assertThat(plan.steps(Map.of()))
                .filteredOn(run -> run.baseline().equals("limit"))
                .isNotEmpty()
                .allSatisfy(
                        run -> {
                            assertThat(run.backend()).isEqualTo("cuda-jcuda");
                            assertThat(run.description())
                                    .isEqualTo("copy within the device's memory");
                        });
    }
}
