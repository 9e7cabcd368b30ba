/** L-BFGS beneath {@link org.panoptim.LBFGS}: vectors, history, line search and iterations. */
@NullMarked
package org.panoptim.internal.lbfgs;

import org.jspecify.annotations.NullMarked;
