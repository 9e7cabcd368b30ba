/** Applies recorded gradients: traces, and the run over one. */
@NullMarked
package org.panoptim.cli.replay;

import org.jspecify.annotations.NullMarked;
