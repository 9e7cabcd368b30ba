/** What was measured, kept in JSON, and comparisons of it. */
@NullMarked
package org.panoptim.bench.result;

import org.jspecify.annotations.NullMarked;
