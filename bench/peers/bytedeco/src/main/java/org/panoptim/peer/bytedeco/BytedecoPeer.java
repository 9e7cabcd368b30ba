package org.panoptim.peer.bytedeco;

import org.panoptim.bench.peer.Peer;
import org.panoptim.bench.peer.PeerModel;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Objects;

/** libtorch's AdamW. */
public final class BytedecoPeer implements Peer {

    /** For {@link java.util.ServiceLoader}; the library is loaded only by {@link #open}. */
    public BytedecoPeer() {}

    @Override
    public String name() {
        return "bytedeco";
    }

    @Override
    public String description() {
        try (var text = BytedecoPeer.class.getResourceAsStream("description.txt")) {
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
        return new BytedecoModel(shapes, threads);
    }
}
