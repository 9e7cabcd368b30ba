/**
 * The autoencoder of handwritten digits, a task on which curvature pays: what is trained, with
 * which optimizers, and the results.
 */
@NullMarked
package org.panoptim.cli.train.autoencoder;

import org.jspecify.annotations.NullMarked;
