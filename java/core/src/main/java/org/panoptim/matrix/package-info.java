/**
 * Linear algebra on matrices: float32, by rows, dense, in native byte order.
 *
 * <p>Rules on matrices get a {@link org.panoptim.matrix.MatrixEngine} from any backend. Those on
 * the host also {@linkplain org.panoptim.matrix.HostMatrices offer} their algebra to what computes
 * with matrices beside the step.
 */
@NullMarked
package org.panoptim.matrix;

import org.jspecify.annotations.NullMarked;
