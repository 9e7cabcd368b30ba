/**
 * Linear algebra on matrices in host memory: float32, by rows, dense, in native byte order.
 *
 * <p>Backends on the host {@linkplain org.panoptim.matrix.HostMatrices offer} it to what computes
 * with matrices beside the step.
 */
@NullMarked
package org.panoptim.matrix;

import org.jspecify.annotations.NullMarked;
