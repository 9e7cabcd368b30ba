/**
 * Several members that take one step together: each owns a part of every parameter, keeps the
 * states of that part alone, and gets the rest from the others.
 */
@NullMarked
package org.panoptim.shard;

import org.jspecify.annotations.NullMarked;
