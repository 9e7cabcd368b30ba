/**
 * What a backend computes for Kronecker-factored curvature, and what backends on the host share.
 *
 * <p>A linear layer y = W a + b has two factors: the second moment of its inputs, {@code A =
 * E[āāᵀ]} with ā = (a, 1) if there is a bias, and that of its output gradients, {@code G = E[ggᵀ]}.
 * Factors are numbered: layer {@code l} has factor {@code 2l} for its inputs and {@code 2l + 1} for
 * its output gradients. Matrices are float32, by rows, dense; factors and inverses are stored whole
 * and exactly symmetric.
 */
@NullMarked
package org.panoptim.kfac.engine;

import org.jspecify.annotations.NullMarked;
