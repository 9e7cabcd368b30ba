/**
 * Where tensors lie: memory of the host or a device, borrowed from whoever allocated it, and
 * buffers that a backend allocates.
 */
@NullMarked
package org.panoptim.memory;

import org.jspecify.annotations.NullMarked;
