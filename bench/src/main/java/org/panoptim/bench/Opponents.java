package org.panoptim.bench;

import java.util.concurrent.locks.LockSupport;
import java.util.function.LongSupplier;

/** Opens what a step is measured beside, by name. */
final class Opponents {

    /** Nothing: the step alone. */
    static final String NONE = "none";

    /**
     * The machine's limit: the plain C loop of AdamW over the same parameters and gradients, and on
     * a device a copy within its memory.
     */
    static final String LIMIT = "limit";

    /** Panoptim's own plain step, over the same parameters and gradients. */
    static final String STEP = "step";

    private static final long REST_NANOS = 20_000_000;

    private Opponents() {}

    /**
     * Opens an opponent.
     *
     * @param name one of this class's, or a peer's
     * @param subject what it stands beside, on the same tensors where that can be
     * @throws IllegalArgumentException if there is no such peer here, with the reason
     */
    static Opponent open(String name, Subject subject) {
        int threads = Runtime.getRuntime().availableProcessors();
        return switch (name) {
            case NONE -> new OfSubject(() -> 0, () -> {});
            case LIMIT -> limit(subject.model(), threads);
            case STEP -> {
                var optimizer = subject.plainOptimizer();
                yield new OfSubject(
                        Pair.timed(
                                () -> {
                                    optimizer.step();
                                    subject.model().awaitSteps();
                                }),
                        optimizer::close);
            }
            default ->
                    OutsidePeer.NAMES.contains(name)
                            ? outside(name, subject, threads)
                            : peer(name, subject, threads);
        };
    }

    private static Opponent limit(Model model, int threads) {
        return switch (model) {
            case HostModel host -> {
                var loop = new LimitLoop(host, threads);
                yield new OfSubject(Pair.timed(loop::run), loop::close);
            }
            case DeviceModel device -> {
                var copy = new DeviceCopy(device.backend(), device.elements());
                yield new OfSubject(Pair.timed(copy::run), copy::close);
            }
        };
    }

    private static Opponent outside(String name, Subject subject, int threads) {
        var place =
                switch (subject.model()) {
                    case HostModel _ -> Place.HOST;
                    case DeviceModel _ -> Place.DEVICE;
                };
        return new Outside(
                new OutsidePeer(name, subject.workload().shapes(), threads, place), subject.work());
    }

    private static Opponent peer(String name, Subject subject, int threads) {
        var peer = PeerLibraries.load(PeerLibraries.folder(), name);
        return switch (subject.model()) {
            case HostModel host -> new PeerOpponent(peer, subject, host, threads);
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
    private record Outside(OutsidePeer peer, Work work) implements Opponent {

        @Override
        public long run() {
            return peer.run(work);
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

    /** Works on the subject's own gradients. */
    private record OfSubject(LongSupplier body, Runnable closing) implements Opponent {

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
