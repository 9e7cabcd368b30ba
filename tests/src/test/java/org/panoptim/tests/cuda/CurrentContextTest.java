package org.panoptim.tests.cuda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.panoptim.Optimizer;
import org.panoptim.cuda.driver.CudaDriver;
import org.panoptim.memory.Buffer;
import org.panoptim.parameter.ParameterGroup;
import org.panoptim.rule.AdamW;
import org.panoptim.rule.Lion;
import org.panoptim.rule.SGD;
import org.panoptim.schedule.Schedule;

import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;

/**
 * The context is current per thread of the operating system. A user's code may work on another
 * device, and a virtual thread that waits may go on on another thread: either way it is another one
 * behind that, or none.
 */
@Tag("virtual-gpu")
class CurrentContextTest {

    private static final SGD RULE = SGD.withLearningRate(1);

    private static Optimizer build(Device device, Buffer value, Optimizer.Builder<SGD> builder) {
        var parameter = device.parameter("p", value).gradient(device.floats(1).memory());
        return device.build(builder.group("all", List.of(parameter)));
    }

    @ParameterizedTest
    @EnumSource
    void aTransformMayLeaveWithoutIt(Implementation implementation) {
        try (var device = implementation.device()) {
            var value = device.floats(0);
            var failing = new boolean[] {false};
            var optimizer =
                    build(
                            device,
                            value,
                            Optimizer.builder(RULE)
                                    .transform(
                                            _ -> {
                                                device.driver().setContext(0);
                                                if (failing[0]) {
                                                    throw new IllegalArgumentException("its own");
                                                }
                                            }));
            optimizer.step();
            failing[0] = true;
            assertThatThrownBy(optimizer::step).isInstanceOf(IllegalArgumentException.class);
            failing[0] = false;
            optimizer.step();
            assertThat(optimizer.report().step()).isEqualTo(2);
            assertThat(Device.get(value)).containsExactly(-2);
        }
    }

    @ParameterizedTest
    @EnumSource
    void aScheduleMayLeaveWithoutIt(Implementation implementation) {
        try (var device = implementation.device()) {
            var value = device.floats(0);
            var factor = new double[] {1};
            var optimizer =
                    build(
                            device,
                            value,
                            Optimizer.builder(RULE)
                                    .schedule(
                                            Schedule.of(
                                                    _ -> {
                                                        device.driver().setContext(0);
                                                        return factor[0];
                                                    })));
            optimizer.step();
            // Now it is sent anew.
            factor[0] = 2;
            optimizer.step();
            optimizer.report();
            try (var captured = optimizer.capture()) {
                factor[0] = 3;
                captured.launch();
            }
            optimizer.zeroGrad();
            assertThat(optimizer.report().step()).isEqualTo(3);
            assertThat(Device.get(value)).containsExactly(-6);
        }
    }

    @ParameterizedTest
    @EnumSource
    void aScheduleThatEndsMayLeaveWithoutIt(Implementation implementation) {
        try (var device = implementation.device()) {
            var value = device.floats(0);
            var optimizer =
                    build(
                            device,
                            value,
                            Optimizer.builder(RULE)
                                    .schedule(
                                            Schedule.of(
                                                    step -> {
                                                        device.driver().setContext(0);
                                                        return step <= 3 ? 1 : Double.NaN;
                                                    })));
            for (int i = 0; i < 3; i++) {
                optimizer.step();
            }
            assertThatThrownBy(optimizer::step)
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessageContaining("step 4");
            assertThat(optimizer.report().step()).isEqualTo(3);
        }
    }

    /** A driver that waits for a sign when an image is loaded next. */
    private static final class SlowLoading {

        final CountDownLatch loading = new CountDownLatch(1);
        final CountDownLatch goOn = new CountDownLatch(1);
        volatile boolean waits;

        CudaDriver around(CudaDriver driver) {
            return (CudaDriver)
                    Proxy.newProxyInstance(
                            CudaDriver.class.getClassLoader(),
                            new Class<?>[] {CudaDriver.class},
                            (_, method, arguments) -> {
                                if (waits && method.getName().equals("global")) {
                                    waits = false;
                                    loading.countDown();
                                    goOn.await();
                                }
                                try {
                                    return method.invoke(driver, arguments);
                                } catch (InvocationTargetException e) {
                                    throw e.getCause();
                                }
                            });
        }
    }

    @ParameterizedTest
    @EnumSource
    void aVirtualThreadMayWaitForAnotherToLoadKernels(Implementation implementation)
            throws InterruptedException {
        var slow = new SlowLoading();
        var driver = implementation.driver();
        try (var device = new Device(slow.around(driver))) {
            var first = build(device, device.floats(0), Optimizer.builder(RULE));
            var second = build(device, device.floats(0), Optimizer.builder(RULE));
            var lion = device.parameter("lion", device.floats(0));
            var adam = device.parameter("adam", device.floats(0));
            var failure = new AtomicReference<Throwable>();
            slow.waits = true;
            var loader =
                    Thread.ofPlatform()
                            .start(
                                    () ->
                                            first.add(
                                                    new ParameterGroup(
                                                            "more",
                                                            Lion.defaults(),
                                                            List.of(lion))));
            assertThat(slow.loading.await(10, TimeUnit.SECONDS)).isTrue();
            var waiting =
                    Thread.ofVirtual()
                            .uncaughtExceptionHandler((_, e) -> failure.set(e))
                            .start(
                                    () ->
                                            second.add(
                                                    new ParameterGroup(
                                                            "more",
                                                            AdamW.defaults(),
                                                            List.of(adam))));
            while (waiting.getState() != Thread.State.BLOCKED && waiting.isAlive()) {
                Thread.onSpinWait();
            }
            leaveCarriersWithoutContext(driver);
            slow.goOn.countDown();
            loader.join();
            waiting.join();
            assertThat(failure.get()).isNull();
            assertThat(second.groups()).hasSize(2);
        }
    }

    /** Occupies every carrier thread for a moment, so that none is left out. */
    private static void leaveCarriersWithoutContext(CudaDriver driver) throws InterruptedException {
        int carriers = Runtime.getRuntime().availableProcessors();
        long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(5);
        var running = new AtomicInteger();
        var threads = new ArrayList<Thread>();
        for (int i = 0; i < carriers; i++) {
            threads.add(
                    Thread.startVirtualThread(
                            () -> {
                                driver.setContext(0);
                                running.incrementAndGet();
                                while (running.get() < carriers && System.nanoTime() < end) {
                                    Thread.onSpinWait();
                                }
                            }));
        }
        for (var thread : threads) {
            thread.join();
        }
    }
}
