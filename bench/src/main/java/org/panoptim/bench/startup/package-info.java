/** What the first step of a fresh process takes. */
@NullMarked
package org.panoptim.bench.startup;

import org.jspecify.annotations.NullMarked;
