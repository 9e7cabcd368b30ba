/** The CUDA backend: every step on the device, without waiting for it. */
@NullMarked
package org.panoptim.cuda;

import org.jspecify.annotations.NullMarked;
