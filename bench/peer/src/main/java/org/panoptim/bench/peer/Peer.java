package org.panoptim.bench.peer;

import java.util.List;

/**
 * An optimizer of another library. Implementations are services, each behind its class loader,
 * since their libraries conflict.
 */
public interface Peer {

    /** A short name, as in {@code --peer}: lower case, without spaces. */
    String name();

    /** Library, version and optimizer, for a reader. */
    String description();

    /**
     * The rule that it applies, by Panoptim's name: {@code adamw} or {@code adam}, each with
     * PyTorch's defaults.
     */
    String rule();

    /**
     * Makes tensors, all zero, and an optimizer over them.
     *
     * @param shapes the tensors' shapes
     * @param threads how many threads the library may use
     */
    PeerModel open(List<long[]> shapes, int threads);
}
