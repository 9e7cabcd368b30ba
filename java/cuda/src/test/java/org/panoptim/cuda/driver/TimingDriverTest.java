package org.panoptim.cuda.driver;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.within;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.panoptim.Optimizer;
import org.panoptim.cuda.CudaBackend;
import org.panoptim.cuda.CudaOptions;
import org.panoptim.parameter.Parameter;
import org.panoptim.rule.AdamW;
import org.panoptim.tensor.Shape;
import org.panoptim.testkit.VirtualGpu;

import java.util.List;
import java.util.stream.Stream;

/** Which time is whose; over the virtual GPU, with a clock that shows it. */
@EnabledOnOs(value = OS.LINUX, architectures = "amd64")
class TimingDriverTest {

    private static final int OUT_OF_MEMORY = 2;

    private final RecordingDriver resources = new RecordingDriver(FfmCuda.load());
    private final LoggingDriver log = new LoggingDriver(resources);
    private final TimingDriver driver = new TimingDriver(log);

    @AfterEach
    void everyEventIsGivenBack() {
        assertThat(resources.report()).isEmpty();
    }

    private interface Body {
        void run(CudaBackend backend, Optimizer optimizer);
    }

    private void withOptimizer(Body test) {
        long stream;
        try (var device = CudaDevice.open(driver, 0)) {
            device.enter();
            stream = driver.createStream();
            try (var backend =
                            CudaBackend.open(
                                    "cuda-ffm", driver, CudaOptions.defaults().withStream(stream));
                    var value = backend.allocate(4000);
                    var gradient = backend.allocate(4000);
                    var optimizer =
                            Optimizer.builder(AdamW.defaults())
                                    .group(
                                            "all",
                                            List.of(
                                                    Parameter.of(
                                                                    "w",
                                                                    Shape.of(1000),
                                                                    value.memory())
                                                            .gradient(gradient.memory())))
                                    .clipGlobalNorm(1)
                                    .backend(backend)
                                    .build()) {
                optimizer.step();
                log.take();
                test.run(backend, optimizer);
                backend.device().enter();
                driver.close();
            }
            device.enter();
            driver.destroyStream(stream);
        }
    }

    @Test
    void everyKernelHasItsOwnTimeUnderItsName() {
        withOptimizer(
                (backend, optimizer) -> {
                    var intervals =
                            driver.timesOf(
                                    () -> {
                                        optimizer.step();
                                        optimizer.zeroGrad();
                                    });

                    var names = intervals.stream().map(StreamTimer.Interval::name).toList();
                    assertThat(names)
                            .startsWith("panoptim_measure", "panoptim_control_adamw")
                            .endsWith("panoptim_update_adamw", "panoptim_zero");
                    assertThat(log.take())
                            .isEqualTo(
                                    names.stream()
                                            .flatMap(name -> Stream.of("event", name, "event"))
                                            .toList());
                    assertEachHasItsTime(intervals);
                });
    }

    private static void assertEachHasItsTime(List<StreamTimer.Interval> intervals) {
        assertThat(intervals)
                .allSatisfy(
                        interval ->
                                assertThat(interval.seconds())
                                        .as(interval.name())
                                        .isCloseTo(
                                                LoggingDriver.seconds(interval.name()),
                                                within(1e-9)));
    }

    @Test
    void otherwiseNothingIsTimed() {
        withOptimizer(
                (backend, optimizer) -> {
                    driver.timesOf(() -> {});
                    optimizer.step();
                    assertThat(log.take()).contains("panoptim_measure").doesNotContain("event");
                    assertThat(driver.timesOf(() -> {})).isEmpty();
                });
    }

    @Test
    void eventsServeAgain() {
        withOptimizer(
                (backend, optimizer) -> {
                    driver.timesOf(optimizer::step);
                    long created = resources.created();
                    assertThat(driver.timesOf(optimizer::step)).isNotEmpty();
                    assertThat(resources.created()).isEqualTo(created);
                });
    }

    @Test
    void whatIsCapturedHasNoTime() {
        withOptimizer(
                (backend, optimizer) -> {
                    var intervals =
                            driver.timesOf(
                                    () -> {
                                        try (var graph = optimizer.capture()) {
                                            graph.launch();
                                        }
                                    });
                    assertThat(intervals)
                            .extracting(StreamTimer.Interval::name)
                            .noneMatch(name -> name.startsWith("panoptim"));
                    assertThat(log.take()).contains("panoptim_measure");
                });
    }

    @Test
    void workThatFailsHasNoTimeAndLeavesNothing() {
        withOptimizer(
                (backend, optimizer) -> {
                    assertThatExceptionOfType(CudaException.class)
                            .isThrownBy(
                                    () ->
                                            driver.timesOf(
                                                    () -> {
                                                        optimizer.zeroGrad();
                                                        VirtualGpu.fail(
                                                                "cuLaunchKernel", OUT_OF_MEMORY, 1);
                                                        optimizer.zeroGrad();
                                                    }));
                    assertThat(driver.timesOf(optimizer::zeroGrad))
                            .extracting(StreamTimer.Interval::name)
                            .containsExactly("panoptim_zero");
                });
    }

    @Test
    void copiesWordsAndProductsHaveTheirTimes() {
        try (var device = CudaDevice.open(driver, 0)) {
            device.enter();
            long stream = driver.createStream();
            long memory = driver.allocate(64, stream);
            var blas = new TimingBlas(FfmCuda.loadBlas(), driver);
            long handle = blas.create();
            blas.setStream(handle, stream);

            var intervals =
                    driver.timesOf(
                            () -> {
                                driver.fill(memory, 0, 16, stream);
                                blas.sgemm(
                                        handle,
                                        false,
                                        false,
                                        1,
                                        1,
                                        1,
                                        1,
                                        memory,
                                        1,
                                        memory + 4,
                                        1,
                                        0,
                                        memory + 8,
                                        1);
                                driver.copyOnDevice(memory, memory + 32, 16, stream);
                                blas.sgemmStridedBatched(
                                        handle,
                                        false,
                                        false,
                                        1,
                                        1,
                                        1,
                                        1,
                                        memory,
                                        1,
                                        1,
                                        memory + 8,
                                        1,
                                        1,
                                        0,
                                        memory + 16,
                                        1,
                                        1,
                                        2);
                            });

            assertThat(intervals)
                    .extracting(StreamTimer.Interval::name)
                    .containsExactly(
                            TimingDriver.FILL,
                            TimingBlas.PRODUCT,
                            TimingDriver.COPY,
                            TimingBlas.PRODUCTS);
            // Products do not go through the driver, so that its clock stands still.
            assertThat(intervals)
                    .extracting(StreamTimer.Interval::seconds)
                    .usingElementComparator((x, y) -> Math.abs(x - y) < 1e-9 ? 0 : 1)
                    .containsExactly(
                            LoggingDriver.seconds(TimingDriver.FILL),
                            0.,
                            LoggingDriver.seconds(TimingDriver.COPY),
                            0.);
            assertThat(log.take())
                    .containsExactly(
                            "event",
                            "cuMemsetD32Async",
                            "event",
                            "event",
                            "event",
                            "event",
                            "cuMemcpyDtoDAsync",
                            "event",
                            "event",
                            "event");
            blas.destroy(handle);
            driver.close();
            driver.free(memory, stream);
            driver.destroyStream(stream);
        }
    }

    @Test
    void aTimerHasTheTimeOfWhatStandsBetweenItsEvents() {
        try (var device = CudaDevice.open(log, 0)) {
            device.enter();
            long memory = log.allocate(64, 0);
            try (var timer = new StreamTimer(log)) {
                log.fill(memory, 0, 1, 0);
                timer.time(
                        "two",
                        0,
                        () -> {
                            log.fill(memory, 0, 1, 0);
                            log.fill(memory, 0, 1, 0);
                        });
                log.fill(memory, 0, 1, 0);
                timer.time("nothing", 0, () -> {});

                assertThat(timer.finish())
                        .containsExactly(
                                new StreamTimer.Interval("two", 32 * 1e-3),
                                new StreamTimer.Interval("nothing", 0));
                assertThat(timer.finish()).isEmpty();
            }
            log.free(memory, 0);
        }
    }
}
