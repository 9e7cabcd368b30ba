package org.panoptim.bench;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.panoptim.backend.Backend;
import org.panoptim.cuda.CudaBackend;
import org.panoptim.tensor.Shape;

import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Random;

/** What is timed on a device is the work that is named; tried on the virtual GPU. */
@EnabledOnOs(value = OS.LINUX, architectures = "amd64")
class DeviceBodiesTest {

    @ParameterizedTest
    @CsvSource({
        "cuda-ffm, STEP",
        "cuda-ffm, CLIP_STEP_ZERO",
        "cuda-ffm, LOSS_SCALE",
        "cuda-ffm, BF16",
        "cuda-ffm, COPY",
        "cuda-ffm, AVERAGE",
        "cuda-ffm, STATISTICS",
        "cuda-jcuda, STEP",
        "cuda-jcuda, CLIP_STEP_ZERO",
        "cuda-jcuda, LOSS_SCALE"
    })
    void theStepsOnADeviceAreThoseOfTheReference(String backend, Scenario scenario) {
        for (var workload : List.of(Workload.TINY, Workload.FEW)) {
            try (var fixture = new StepFixture(Workload.named(workload), scenario, backend);
                    var reference =
                            new StepFixture(Workload.named(workload), scenario, "reference")) {
                // The tenth finds an infinite gradient if there is a loss scale.
                for (int step = 0; step < 12; step++) {
                    assertThat(fixture.run()).isPositive();
                    if (scenario == Scenario.CLIP_STEP_ZERO) {
                        // On a device no step finds zeros.
                        reference.model().refillGradients();
                    }
                    reference.run();
                }

                assertSame(fixture.model(), reference.model());
            }
        }
    }

    @ParameterizedTest
    @CsvSource({"cuda-ffm, STEP", "cuda-ffm, BF16", "cuda-jcuda, STEP"})
    void theTensorsOnADeviceHaveTheNumbersOfThoseOnTheHost(String name, Scenario scenario) {
        // More than a block, and sizes that leave gaps between tensors.
        var workload =
                new Workload(
                        "mixed",
                        "mixed",
                        List.of(List.of(Shape.of(3), Shape.of(1_100_000)), List.of(Shape.of(7))));
        try (var backend = Backend.named(name);
                var onDevice = Model.of(workload, scenario, backend);
                var onHost = new HostModel(workload, scenario)) {
            assertThat(onDevice).isInstanceOf(DeviceModel.class);
            assertThat(onDevice.groups()).extracting(List::size).containsExactly(2, 1);
            assertThat(onDevice.elements()).isEqualTo(onHost.elements());
            for (long index : new long[] {0, 1, (1 << 20) - 1, 1 << 20, 1_099_999}) {
                assertThat(onDevice.value(1, index)).isEqualTo(onHost.value(1, index));
                assertThat(onDevice.gradient(1, index)).isEqualTo(onHost.gradient(1, index));
            }
            assertThat(onDevice.value(2, 6)).isEqualTo(onHost.value(2, 6));

            onDevice.setGradient(2, 6, 42);
            assertThat(onDevice.gradient(2, 6)).isEqualTo(42);
            onDevice.refillGradients();
            assertThat(onDevice.gradient(2, 6)).isEqualTo(onHost.gradient(2, 6));
        }
    }

    @Test
    void theLimitCopiesWithinTheDevicesMemory() {
        try (var backend = (CudaBackend) Backend.named("cuda-ffm");
                var copy = new DeviceCopy(backend, 1000)) {
            var expected = new byte[(int) (DeviceCopy.BYTES_PER_PARAMETER * 1000)];
            new Random(1).nextBytes(expected);
            copy.from().write(0, MemorySegment.ofArray(expected));

            copy.run();

            var copied = new byte[expected.length];
            copy.to().read(0, MemorySegment.ofArray(copied));
            assertThat(copied).isEqualTo(expected);
        }
    }

    @Test
    void aCopyThatFindsTooLittleMemoryGoesPieceByPieceAndMovesAllBytes() {
        assertThat(DeviceCopy.pieces(1000, 400)).containsExactly(400L, 400L, 200L);
        assertThat(DeviceCopy.pieces(800, 400)).containsExactly(400L, 400L);
        assertThat(DeviceCopy.pieces(300, 400)).containsExactly(300L);
        try (var backend = (CudaBackend) Backend.named("cuda-ffm");
                var copy = new DeviceCopy(backend, 100, 512)) {
            assertThat(copy.from().memory().byteSize()).isEqualTo(512);
            var expected = new byte[512];
            new Random(2).nextBytes(expected);
            copy.from().write(0, MemorySegment.ofArray(expected));

            copy.run();

            var copied = new byte[512];
            copy.to().read(0, MemorySegment.ofArray(copied));
            assertThat(copied).isEqualTo(expected);
        }
    }

    @ParameterizedTest
    @CsvSource({
        "cuda-ffm, limit", "cuda-ffm, step", "cuda-ffm, none",
        "cuda-jcuda, limit", "cuda-jcuda, step", "cuda-jcuda, none"
    })
    void bothSidesTakeTurnsAndTheResultsAreRight(String backend, String baseline) {
        var benchmark = benchmark(backend, Scenario.STEP, baseline);
        benchmark.open();
        var times = new StepBenchmark.Times();
        for (int i = 0; i < 3; i++) {
            benchmark.interleaved(times);
        }
        assertThat(times.turns).isEqualTo(3);
        assertThat(times.step).isPositive();
        benchmark.close();
    }

    @ParameterizedTest
    @CsvSource({
        "cuda-ffm, STEP",
        "cuda-ffm, LOSS_SCALE",
        "cuda-jcuda, STEP",
        "cuda-jcuda, LOSS_SCALE"
    })
    void theResultCheckFindsAStepTakenWithAnotherGradient(String backend, Scenario scenario) {
        var benchmark = benchmark(backend, scenario, Baseline.NONE);
        benchmark.open();
        benchmark.fixture().model().setGradient(2, 5, 7);
        benchmark.interleaved(new StepBenchmark.Times());

        assertThatThrownBy(benchmark::close)
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("element 5 of tensor 2");
    }

    @Test
    void theResultCheckFindsAGradientThatWasNotZeroed() {
        var benchmark = benchmark("cuda-ffm", Scenario.CLIP_STEP_ZERO, Baseline.NONE);
        benchmark.open();
        benchmark.interleaved(new StepBenchmark.Times());
        benchmark.fixture().model().setGradient(1, 0, 7);

        assertThatThrownBy(benchmark::close)
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("element 0 of tensor 1: its gradient is 7.0");
    }

    private static StepBenchmark benchmark(String backend, Scenario scenario, String baseline) {
        var benchmark = new StepBenchmark();
        benchmark.workload = Workload.FEW;
        benchmark.scenario = scenario;
        benchmark.baseline = baseline;
        benchmark.backend = backend;
        return benchmark;
    }

    private static void assertSame(Model actual, Model expected) {
        for (int tensor = 0; tensor < expected.parameters().size(); tensor++) {
            long elements = expected.parameters().get(tensor).elements();
            for (long i = 0; i < elements; i++) {
                assertThat(actual.value(tensor, i))
                        .as("element %d of tensor %d", i, tensor)
                        .isEqualTo(expected.value(tensor, i));
                assertThat(actual.gradient(tensor, i))
                        .as("gradient %d of tensor %d", i, tensor)
                        .isEqualTo(expected.gradient(tensor, i));
            }
        }
    }
}
