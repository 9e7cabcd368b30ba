package org.panoptim.bench;

import java.util.concurrent.locks.LockSupport;
import java.util.function.LongSupplier;

/** Opens what a step is measured beside, by name. */
final class Opponents {

    /** Nothing: the step alone. */
    static final String NONE = "none";

    /** The plain C loop of AdamW over the same parameters and gradients. */
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
            case LIMIT -> {
                var loop = new LimitLoop(subject.model(), threads);
                yield new OfSubject(Pair.timed(loop::run), loop::close);
            }
            case STEP -> {
                var optimizer = subject.plainOptimizer();
                yield new OfSubject(Pair.timed(optimizer::step), optimizer::close);
            }
            default ->
                    OutsidePeer.NAMES.contains(name)
                            ? new Outside(
                                    new OutsidePeer(name, subject.workload().shapes(), threads),
                                    subject.work())
                            : new PeerOpponent(
                                    PeerLibraries.load(PeerLibraries.folder(), name),
                                    subject,
                                    threads);
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
