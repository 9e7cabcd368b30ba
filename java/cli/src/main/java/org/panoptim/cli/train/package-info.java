/**
 * Trains a classifier of handwritten digits with several optimizers, and reports how they fared.
 */
@NullMarked
package org.panoptim.cli.train;

import org.jspecify.annotations.NullMarked;
