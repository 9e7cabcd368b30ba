/**
 * DJL's models trained by Panoptim: {@link org.panoptim.djl.PanoptimTrainer} in place of {@code
 * model.newTrainer(config)}, or {@link org.panoptim.djl.PanoptimOptimizer} in {@code
 * optOptimizer(…)}.
 */
@NullMarked
package org.panoptim.djl;

import org.jspecify.annotations.NullMarked;
