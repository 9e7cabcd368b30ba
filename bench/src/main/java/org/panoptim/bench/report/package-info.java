/** The page that shows what was measured, and README's figures. */
@NullMarked
package org.panoptim.bench.report;

import org.jspecify.annotations.NullMarked;
