/** What several packages of this module need. */
@NullMarked
package org.panoptim.internal;

import org.jspecify.annotations.NullMarked;
