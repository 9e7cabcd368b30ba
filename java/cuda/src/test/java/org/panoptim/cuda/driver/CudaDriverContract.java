package org.panoptim.cuda.driver;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;
import static org.assertj.core.api.Assertions.within;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.panoptim.testkit.VirtualGpu;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.Executors;

/** What every implementation of {@link CudaDriver} does, over the virtual GPU. */
public abstract class CudaDriverContract {

    private static final int OUT_OF_MEMORY = 2;
    private static final int MAX_DYNAMIC_SHARED_SIZE_BYTES = 8;
    private static final long CHUNK = 64;

    private RecordingDriver driver;
    private CudaDevice device;

    /** The implementation under test. */
    protected abstract CudaDriver load();

    /** A main class that prints the implementation's probe with {@link ChildJvm#print}. */
    protected abstract Class<?> probe();

    @BeforeEach
    void open() {
        driver = new RecordingDriver(load());
        device = CudaDevice.open(driver, 0);
        device.enter();
    }

    /** Every test closes what it opens. */
    @AfterEach
    void close() {
        device.close();
        assertThat(driver.report()).isEmpty();
    }

    @Test
    void theVirtualDeviceSaysWhatItIs() {
        assertThat(device.virtual()).isTrue();
        assertThat(device.name()).isEqualTo(CudaDevice.VIRTUAL);
        assertThat(device.capability()).isGreaterThanOrEqualTo(CudaProbe.MINIMUM_CAPABILITY);
        assertThat(device.multiprocessors()).isPositive();
        assertThat(device.memory()).isPositive();
        assertThat(driver.version()).isGreaterThanOrEqualTo(CudaProbe.MINIMUM_VERSION);
    }

    @ParameterizedTest
    @ValueSource(longs = {0, 1, 3, 63, 64, 65, 127, 128, 129, 1000, 4097})
    void bytesComeBackAsTheyWentFromHeapAndNativeMemory(long bytes) {
        var sent = new byte[(int) bytes];
        new Random(bytes).nextBytes(sent);
        long stream = driver.createStream();
        long memory = driver.allocate(bytes + 1, stream);
        try (var arena = Arena.ofConfined();
                var copies = new HostCopies(device, CHUNK)) {
            // At an odd address, and of a heap array from an odd index on.
            var source = arena.allocate(bytes + 1).asSlice(1);
            source.copyFrom(MemorySegment.ofArray(sent));
            copies.toDevice(memory, source, stream);
            source.fill((byte) 0);
            var onHeap = MemorySegment.ofArray(new byte[(int) bytes + 1]).asSlice(1);
            copies.toHost(onHeap, memory, stream);
            assertThat(onHeap.toArray(ValueLayout.JAVA_BYTE)).isEqualTo(sent);

            new Random(bytes + 1).nextBytes(sent);
            copies.toDevice(memory, MemorySegment.ofArray(sent), stream);
            copies.toHost(source, memory, stream);
            assertThat(source.toArray(ValueLayout.JAVA_BYTE)).isEqualTo(sent);
        }
        driver.free(memory, stream);
        driver.destroyStream(stream);
    }

    @Test
    void wordsAreFilledAndCopiedOnTheDevice() {
        long stream = driver.createStream();
        long from = driver.allocate(40, stream);
        long to = driver.allocate(40, stream);
        var host = new int[10];
        try (var copies = new HostCopies(device)) {
            driver.fill(from, 0x12345678, 9, stream);
            driver.fill(from + 36, -1, 1, stream);
            driver.copyOnDevice(to, from, 40, stream);
            copies.toHost(MemorySegment.ofArray(host), to, stream);
        }
        assertThat(host).startsWith(0x12345678).endsWith(0x12345678, -1);
        driver.free(from, stream);
        driver.free(to, stream);
        driver.destroyStream(stream);
    }

    @Test
    void oneStreamFollowsAnotherThroughAnEvent() {
        long first = driver.createStream();
        long second = driver.createStream();
        long event = driver.createEvent();
        long memory = driver.allocate(4, first);
        var host = new int[1];
        driver.fill(memory, 7, 1, first);
        driver.recordEvent(event, first);
        driver.waitFor(event, second);
        try (var copies = new HostCopies(device)) {
            copies.toHost(MemorySegment.ofArray(host), memory, second);
        }
        assertThat(host).containsExactly(7);
        driver.synchronizeEvent(event);
        assertThat(driver.isDone(event)).isTrue();
        driver.synchronizeStream(first);
        driver.free(memory, first);
        driver.destroyEvent(event);
        driver.destroyStream(second);
        driver.destroyStream(first);
    }

    @Test
    void theTimeBetweenEventsOnAStreamIsThatOfTheWorkBetweenThem() {
        long stream = driver.createStream();
        long words = 1 << 22;
        long memory = driver.allocate(4 * words, stream);
        var events = new long[4];
        for (int i = 0; i < events.length; i++) {
            events[i] = driver.createTimedEvent();
        }
        driver.recordEvent(events[0], stream);
        driver.fill(memory, 7, words, stream);
        driver.recordEvent(events[1], stream);
        driver.recordEvent(events[2], stream);
        driver.fill(memory, 8, words, stream);
        driver.fill(memory, 9, words, stream);
        driver.recordEvent(events[3], stream);
        driver.synchronizeEvent(events[3]);

        float once = driver.elapsedMilliseconds(events[0], events[1]);
        float nothing = driver.elapsedMilliseconds(events[1], events[2]);
        float twice = driver.elapsedMilliseconds(events[2], events[3]);
        float all = driver.elapsedMilliseconds(events[0], events[3]);

        // No memory takes 16 MB in a hundredth of a millisecond.
        assertThat(once).isGreaterThan(.01f);
        assertThat(twice).isGreaterThan(.02f);
        assertThat(nothing).isNotNegative();
        assertThat(all).isCloseTo(once + nothing + twice, within(.001f));
        assertThat(driver.elapsedMilliseconds(events[3], events[0])).isEqualTo(-all);
        for (long event : events) {
            driver.destroyEvent(event);
        }
        driver.free(memory, stream);
        driver.destroyStream(stream);
    }

    @Test
    void anEventWithoutTimingHasNoTime() {
        long timed = driver.createTimedEvent();
        long untimed = driver.createEvent();
        driver.recordEvent(timed, 0);
        driver.recordEvent(untimed, 0);
        driver.synchronizeEvent(untimed);
        assertThatExceptionOfType(CudaException.class)
                .isThrownBy(() -> driver.elapsedMilliseconds(timed, untimed))
                .withMessageContaining("cuEventElapsedTime")
                .withMessageContaining("CUDA_ERROR_INVALID_HANDLE");
        driver.destroyEvent(untimed);
        driver.destroyEvent(timed);
    }

    @Test
    void aCapturedStreamSaysSoAndTakesNoHostCopies() {
        long stream = driver.createStream();
        long memory = driver.allocate(4, stream);
        var host = new int[1];
        try (var copies = new HostCopies(device)) {
            driver.synchronizeStream(stream);
            assertThat(driver.isCapturing(stream)).isFalse();
            driver.beginCapture(stream);
            assertThat(driver.isCapturing(stream)).isTrue();
            assertThatIllegalStateException()
                    .isThrownBy(() -> copies.toDevice(memory, MemorySegment.ofArray(host), stream));
            driver.fill(memory, 9, 1, stream);
            long graph = driver.endCapture(stream);
            assertThat(driver.isCapturing(stream)).isFalse();
            long executable = driver.instantiate(graph);
            driver.launchGraph(executable, stream);
            copies.toHost(MemorySegment.ofArray(host), memory, stream);
            driver.destroyExecutableGraph(executable);
            driver.destroyGraph(graph);
        }
        assertThat(host).containsExactly(9);
        driver.free(memory, stream);
        driver.destroyStream(stream);
    }

    @Test
    void theContextIsSetOnOtherThreadsAndOnVirtualOnes() throws Exception {
        try (var threads = Executors.newThreadPerTaskExecutor(Thread.ofPlatform().factory());
                var virtual = Executors.newVirtualThreadPerTaskExecutor()) {
            for (var executor : new java.util.concurrent.ExecutorService[] {threads, virtual}) {
                executor.submit(
                                () -> {
                                    device.enter();
                                    long stream = driver.createStream();
                                    Thread.yield();
                                    device.enter();
                                    driver.destroyStream(stream);
                                })
                        .get();
            }
        }
    }

    @Test
    void anErrorCarriesNameTextAndCall() {
        VirtualGpu.fail("cuMemAllocAsync", OUT_OF_MEMORY, 1);
        assertThatExceptionOfType(CudaException.class)
                .isThrownBy(() -> driver.allocate(24, 0))
                .withMessageContaining("cuMemAllocAsync of 24 bytes")
                .withMessageContaining("out of memory")
                .satisfies(
                        error -> {
                            assertThat(error.code()).isEqualTo(OUT_OF_MEMORY);
                            assertThat(error.errorName()).isEqualTo("CUDA_ERROR_OUT_OF_MEMORY");
                            assertThat(error.isSticky()).isFalse();
                        });
    }

    @Test
    void anErrorOfALaunchCarriesTheKernelAndItsGeometry() {
        VirtualGpu.fail("cuLaunchKernel", OUT_OF_MEMORY, 1);
        try (var arena = Arena.ofConfined()) {
            var argument = arena.allocate(16);
            assertThatExceptionOfType(CudaException.class)
                    .isThrownBy(() -> driver.launch(1, "update_adamw", 12, 256, 48, 0, argument))
                    .withMessageContaining(
                            "cuLaunchKernel of update_adamw (12 blocks of 256 threads, 48 bytes of"
                                    + " shared memory)")
                    .satisfies(
                            error ->
                                    assertThat(error.errorName())
                                            .isEqualTo("CUDA_ERROR_OUT_OF_MEMORY"));
        }
    }

    @Test
    void theSharedMemoryOfAKernelIsSetAndRead() {
        try (var arena = Arena.ofConfined()) {
            long module = driver.loadModule(arena.allocateFrom("panoptim virtual kernels"));
            long function = driver.function(module, "panoptim_kfac_invert_small");
            driver.functionAttribute(MAX_DYNAMIC_SHARED_SIZE_BYTES, function, 100_800);
            assertThat(driver.functionAttribute(MAX_DYNAMIC_SHARED_SIZE_BYTES, function))
                    .isEqualTo(100_800);
            assertThat(device.sharedMemory()).isGreaterThanOrEqualTo(100_800);
            int tooMuch = device.sharedMemory() + 1;
            assertThatExceptionOfType(CudaException.class)
                    .isThrownBy(
                            () ->
                                    driver.functionAttribute(
                                            MAX_DYNAMIC_SHARED_SIZE_BYTES, function, tooMuch))
                    .withMessageContaining("cuFuncSetAttribute")
                    .withMessageContaining("CUDA_ERROR_INVALID_VALUE");
            driver.unloadModule(module);
        }
    }

    @Test
    void whatIsNoKernelsIsRefused() {
        try (var arena = Arena.ofConfined()) {
            var image = arena.allocateFrom("nothing that a driver knows, at some length");
            assertThatExceptionOfType(CudaException.class)
                    .isThrownBy(() -> driver.loadModule(image))
                    .withMessageContaining("cuModuleLoadData")
                    .withMessageContaining("CUDA_ERROR_INVALID_IMAGE");
        }
    }

    @Test
    void aKernelThatIsNotThereIsNamed() {
        try (var arena = Arena.ofConfined()) {
            long module = driver.loadModule(arena.allocateFrom("panoptim virtual kernels"));
            assertThatExceptionOfType(CudaException.class)
                    .isThrownBy(() -> driver.function(module, "no_such_kernel"))
                    .withMessageContaining("cuModuleGetFunction of no_such_kernel")
                    .withMessageContaining("CUDA_ERROR_NOT_FOUND");
            driver.unloadModule(module);
        }
    }

    @Test
    void closingTwiceReleasesOnce() {
        var second = CudaDevice.open(driver, 0);
        assertThat(driver.open()).hasSize(2);
        second.close();
        second.close();
        assertThat(driver.open()).hasSize(1);
        assertThatIllegalStateException()
                .isThrownBy(second::enter)
                .withMessageContaining("device 0 is closed");
        var buffer = PinnedBuffer.allocate(device, 10);
        buffer.close();
        buffer.close();
    }

    @Test
    void aLeakIsReportedWithWhatCreatedIt() {
        long stream = driver.createStream();
        assertThat(driver.open())
                .last()
                .asString()
                .startsWith("stream 0x")
                .contains("created by CudaDriverContract.aLeakIsReportedWithWhatCreatedIt:");
        driver.destroyStream(stream);
        assertThat(driver.faults()).isEmpty();
    }

    @Test
    void aContextThatIsReleasedTooEarlyIsReported() {
        var other = new RecordingDriver(load());
        var early = CudaDevice.open(other, 0);
        early.enter();
        long event = other.createEvent();
        early.close();
        assertThat(other.faults())
                .singleElement()
                .asString()
                .contains("primary context of device 0 is released before event 0x");
        other.destroyEvent(event);
        assertThat(other.open()).isEmpty();
    }

    @Test
    void withoutADriverTheReasonSaysSo() throws Exception {
        assertRefused(Map.of("LD_LIBRARY_PATH", ""), "no CUDA driver is installed or found");
    }

    @Test
    void anOldDriverIsRefusedWithTheMinimum() throws Exception {
        assertRefused(
                Map.of("PANOPTIM_VIRTUAL_DRIVER_VERSION", "11080"),
                "the driver serves CUDA 11.8, but at least 12.0 is needed");
    }

    @Test
    void theOldestDriverThatServesIsTaken() throws Exception {
        var version = Map.of("PANOPTIM_VIRTUAL_DRIVER_VERSION", "12000");
        assertThat(ChildJvm.run(probe(), version))
                .contains("available: true", "tried: driver: serves CUDA 12.0");
    }

    @Test
    void withoutADeviceTheReasonSaysSo() throws Exception {
        assertRefused(Map.of("PANOPTIM_VIRTUAL_DEVICES", "0"), "the driver finds no device");
    }

    /** What the refusals are compared with: without a cause there is none. */
    @Test
    void theProbeFindsTheDevice() throws Exception {
        assertThat(ChildJvm.run(probe(), Map.of()))
                .contains("available: true", "summary: " + CudaDevice.VIRTUAL);
    }

    private void assertRefused(Map<String, String> environment, String reason)
            throws IOException, InterruptedException {
        assertThat(ChildJvm.run(probe(), environment))
                .contains("available: false")
                .containsPattern("summary: .*" + reason)
                .contains("tried: ");
    }
}
