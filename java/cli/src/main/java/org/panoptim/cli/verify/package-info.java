/**
 * Compares backends: scenarios are run on each, and what they leave behind must have the same bits,
 * all NaNs counted as one value.
 */
@NullMarked
package org.panoptim.cli.verify;

import org.jspecify.annotations.NullMarked;
