package org.panoptim.peer.nd4j;

import org.panoptim.bench.peer.Peer;
import org.panoptim.bench.peer.PeerModel;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Objects;

/** ND4J's Adam. */
public final class Nd4jPeer implements Peer {

    /** For {@link java.util.ServiceLoader}; the library is loaded only by {@link #open}. */
    public Nd4jPeer() {}

    @Override
    public String name() {
        return "nd4j";
    }

    @Override
    public String description() {
        try (var text = Nd4jPeer.class.getResourceAsStream("description.txt")) {
            return new String(Objects.requireNonNull(text).readAllBytes(), StandardCharsets.UTF_8)
                    .strip();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    @Override
    public String rule() {
        return "adam";
    }

    @Override
    public PeerModel open(List<long[]> shapes, int threads) {
        return new Nd4jModel(shapes, threads);
    }
}
