package org.panoptim.bench;

import java.util.concurrent.locks.LockSupport;
import java.util.function.LongSupplier;

/** What a step is compared with. */
interface Baseline extends AutoCloseable {

    /** Nothing: the step alone. */
    String NONE = "none";

    /**
     * The machine's limit: the plain C loop of AdamW over the same parameters and gradients, and on
     * a device a copy within its memory.
     */
    String LIMIT = "limit";

    /** Panoptim's plain step, over the same parameters and gradients. */
    String STEP = "step";

    /** Panoptim's plain step over as many floats of its own. */
    String FLOATS = "floats";

    /** How long OpenMP's threads wait busily for more work. */
    long REST_NANOS = 20_000_000;

    /** Does the same work once, and returns how many nanoseconds it took. */
    long run();

    /**
     * Restores the first values of gradients that the baseline alone works on, if there are any.
     */
    void refill();

    /**
     * Lets threads that wait busily for more work come to rest, so that they do not take processors
     * from the other side.
     */
    void rest();

    @Override
    void close();

    /**
     * Opens a baseline.
     *
     * @param name one of this interface's constants, or a peer's name
     * @param fixture the step that is compared with it; the tensors are shared where possible
     * @throws IllegalArgumentException if there is no such peer here, with the reason
     */
    static Baseline open(String name, StepFixture fixture) {
        int threads = Runtime.getRuntime().availableProcessors();
        return switch (name) {
            case NONE -> new OnFixture(() -> 0, () -> {});
            case LIMIT -> limit(fixture.model(), threads);
            case STEP -> {
                var optimizer = fixture.plainOptimizer();
                yield new OnFixture(
                        InterleavedTimer.timed(
                                () -> {
                                    optimizer.step();
                                    fixture.model().awaitSteps();
                                }),
                        optimizer::close);
            }
            case FLOATS -> {
                var floats = fixture.overFloats();
                yield new OnFixture(floats::run, floats::close);
            }
            default ->
                    PythonPeer.NAMES.contains(name)
                            ? outside(name, fixture, threads)
                            : peer(name, fixture, threads);
        };
    }

    private static Baseline limit(Model model, int threads) {
        return switch (model) {
            case HostModel host -> {
                var loop = new LimitLoop(host, threads);
                yield new OnFixture(InterleavedTimer.timed(loop::run), loop::close);
            }
            case DeviceModel device -> {
                var copy = new DeviceCopy(device.backend(), device.elements());
                yield new OnFixture(InterleavedTimer.timed(copy::run), copy::close);
            }
        };
    }

    private static Baseline outside(String name, StepFixture fixture, int threads) {
        var kind =
                switch (fixture.model()) {
                    case HostModel _ -> DeviceKind.CPU;
                    case DeviceModel _ -> DeviceKind.GPU;
                };
        return new OfPython(
                new PythonPeer(name, fixture.workload().shapes(), threads, kind),
                fixture.scenario());
    }

    private static Baseline peer(String name, StepFixture fixture, int threads) {
        var peer = PeerLibraries.load(PeerLibraries.folder(), name);
        return switch (fixture.model()) {
            case HostModel host -> new PeerBaseline(peer, fixture, host, threads);
            case DeviceModel _ ->
                    throw new IllegalArgumentException(
                            "%s: measured on the processor alone".formatted(name));
        };
    }

    /** Waits for as long as OpenMP's threads spin. */
    static void restFromOpenMp() {
        LockSupport.parkNanos(REST_NANOS);
    }

    /** Works in another process. */
    record OfPython(PythonPeer peer, Scenario scenario) implements Baseline {

        @Override
        public long run() {
            return peer.run(scenario);
        }

        @Override
        public void refill() {
            peer.refill();
        }

        @Override
        public void rest() {
            restFromOpenMp();
        }

        @Override
        public void close() {
            peer.close();
        }
    }

    /** Works on the fixture's gradients, or on those of another. */
    record OnFixture(LongSupplier body, Runnable closing) implements Baseline {

        @Override
        public long run() {
            return body.getAsLong();
        }

        @Override
        public void refill() {}

        @Override
        public void rest() {}

        @Override
        public void close() {
            closing.run();
        }
    }
}
