/** Recorded gradients: traces, and an optimizer that is fed from one. */
@NullMarked
package org.panoptim.testkit.trace;

import org.jspecify.annotations.NullMarked;
