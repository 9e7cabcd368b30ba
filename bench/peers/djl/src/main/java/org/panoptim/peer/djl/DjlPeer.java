package org.panoptim.peer.djl;

import org.panoptim.bench.peer.Peer;
import org.panoptim.bench.peer.PeerModel;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Objects;

/** DJL's AdamW on its PyTorch engine. */
public final class DjlPeer implements Peer {

    /** For {@link java.util.ServiceLoader}; the library is loaded only by {@link #open}. */
    public DjlPeer() {}

    @Override
    public String name() {
        return "djl";
    }

    @Override
    public String description() {
        try (var text = DjlPeer.class.getResourceAsStream("description.txt")) {
            return new String(Objects.requireNonNull(text).readAllBytes(), StandardCharsets.UTF_8)
                    .strip();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    @Override
    public String rule() {
        return "adamw";
    }

    @Override
    public PeerModel open(List<long[]> shapes, int threads) {
        // DJL would otherwise ask the network where it runs, and report it.
        System.setProperty("ai.djl.offline", "true");
        System.setProperty("OPT_OUT_TRACKING", "true");
        return new DjlModel(shapes, threads);
    }
}
