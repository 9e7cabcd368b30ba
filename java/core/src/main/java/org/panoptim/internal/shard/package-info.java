/** What members of a team hand to each other before and after a step. */
@NullMarked
package org.panoptim.internal.shard;

import org.jspecify.annotations.NullMarked;
