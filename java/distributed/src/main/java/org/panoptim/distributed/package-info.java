/**
 * Engines over which several members take one step together: {@link
 * org.panoptim.distributed.Cluster} for processes, {@link org.panoptim.distributed.LocalTeam} for
 * threads of one.
 */
@NullMarked
package org.panoptim.distributed;

import org.jspecify.annotations.NullMarked;
