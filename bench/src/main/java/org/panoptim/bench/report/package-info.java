/** The page that shows what was measured, and figures of documents. */
@NullMarked
package org.panoptim.bench.report;

import org.jspecify.annotations.NullMarked;
