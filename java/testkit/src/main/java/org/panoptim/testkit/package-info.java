/** Tensors where a backend computes on them. */
@NullMarked
package org.panoptim.testkit;

import org.jspecify.annotations.NullMarked;
