package org.panoptim.kfac.engine;

import org.panoptim.backend.Backend;
import org.panoptim.matrix.HostMatrices;
import org.panoptim.spi.UnsupportedPlanException;

import java.util.List;

/**
 * What opens engines for Kronecker factors on a backend. Backends on a device offer it as one of
 * their {@linkplain Backend#extension extensions}; on the host, {@link HostMatrices} are enough.
 */
public interface FactorEngines {

    /**
     * That of a backend.
     *
     * @throws UnsupportedPlanException if the backend offers none
     */
    static FactorEngines of(Backend backend) {
        return backend.extension(FactorEngines.class)
                .or(() -> backend.extension(HostMatrices.class).map(HostEngines::new))
                .orElseThrow(
                        () ->
                                new UnsupportedPlanException(
                                        backend.name(), "it computes no Kronecker factors"));
    }

    /**
     * Prepares the factors of Kronecker-factored curvature.
     *
     * @throws UnsupportedPlanException if the backend cannot, with the reason
     * @throws IllegalStateException if the backend is closed
     */
    KroneckerEngine open(KroneckerPlan plan);

    /**
     * Prepares the diagonals of Kronecker factors, as AdaFisher needs them.
     *
     * @throws UnsupportedPlanException if the backend cannot, with the reason
     * @throws IllegalStateException if the backend is closed
     */
    FisherEngine open(FisherPlan plan);

    /** What factors are computed with, and what was tried before; loads what they need. */
    List<String> explain();
}
