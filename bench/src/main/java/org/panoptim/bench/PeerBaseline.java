package org.panoptim.bench;

import org.panoptim.bench.peer.Peer;
import org.panoptim.bench.peer.PeerModel;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.function.LongSupplier;

/** Another library's optimizer on copies of the fixture's values and gradients. */
final class PeerBaseline implements Baseline {

    private final HostModel model;
    private final PeerModel peer;
    private final LongSupplier body;

    /**
     * Opens the peer.
     *
     * @param model the fixture's
     * @throws IllegalArgumentException if it does not do the fixture's work
     */
    PeerBaseline(Peer peer, StepFixture fixture, HostModel model, int threads) {
        this.model = model;
        var shapes = fixture.workload().shapes();
        this.peer =
                peer.open(
                        shapes.stream()
                                .map(
                                        shape ->
                                                shape.dimensions().stream()
                                                        .mapToLong(Long::longValue)
                                                        .toArray())
                                .toList(),
                        threads);
        body =
                switch (fixture.scenario()) {
                    case STEP -> InterleavedTimer.timed(this.peer::step);
                    case CLIP_STEP_ZERO -> InterleavedTimer.timed(this.peer::clipStepZero);
                    case LOSS_SCALE, BF16, COPY, AVERAGE, STATISTICS, SOME_STATISTICS ->
                            throw new IllegalArgumentException(
                                    "no peer is measured in a " + fixture.scenario().title());
                };
    }

    @Override
    public long run() {
        return body.getAsLong();
    }

    @Override
    public void refill() {
        for (int tensor = 0; tensor < model.values().size(); tensor++) {
            peer.write(
                    tensor,
                    floats(model.values().get(tensor)),
                    floats(model.gradients().get(tensor)));
        }
    }

    private static float[] floats(MemorySegment tensor) {
        return tensor.toArray(ValueLayout.JAVA_FLOAT);
    }

    @Override
    public void rest() {
        Baseline.restFromOpenMp();
    }

    @Override
    public void close() {
        peer.close();
    }
}
