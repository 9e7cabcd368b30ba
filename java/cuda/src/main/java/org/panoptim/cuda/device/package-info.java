/** What all work on a CUDA device is built from. */
@NullMarked
package org.panoptim.cuda.device;

import org.jspecify.annotations.NullMarked;
