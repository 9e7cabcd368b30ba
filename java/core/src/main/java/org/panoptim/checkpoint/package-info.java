/**
 * What the caller of an optimizer's {@code save} and {@code load} meets: how strict they are, and
 * what was wrong with a file.
 */
@NullMarked
package org.panoptim.checkpoint;

import org.jspecify.annotations.NullMarked;
