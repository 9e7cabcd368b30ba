package org.panoptim.matrix;

import java.util.List;
import java.util.function.Function;

/**
 * What a backend on the host computes matrices with; one of its {@linkplain
 * org.panoptim.backend.Backend#extension extensions}.
 */
public interface HostMatrices {

    /** The algebra, loaded when it is first asked for. */
    HostAlgebra algebra();

    /** The backend's threads. */
    Parallel parallel();

    /** What the algebra is, and what was tried before; loads it. */
    List<String> explain();

    /**
     * Opens what keeps the backend open until it is closed.
     *
     * @param opener makes it; it is handed what to run once when it is closed
     * @throws IllegalStateException if the backend is closed
     */
    <T> T open(Function<Runnable, T> opener);
}
