/** Trains a classifier of handwritten digits with several optimizers, and reports the results. */
@NullMarked
package org.panoptim.cli.train;

import org.jspecify.annotations.NullMarked;
