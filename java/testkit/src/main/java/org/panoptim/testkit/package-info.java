/** Tensors where a backend computes on them, and the virtual GPU. */
@NullMarked
package org.panoptim.testkit;

import org.jspecify.annotations.NullMarked;
