/** Kronecker-factored curvature on every backend: within the bounds that are reported. */
@NullMarked
package org.panoptim.tests.curvature;

import org.jspecify.annotations.NullMarked;
