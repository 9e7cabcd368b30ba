/** Kronecker-factored curvature as a transform of an optimizer's gradients. */
@NullMarked
package org.panoptim.kfac;

import org.jspecify.annotations.NullMarked;
