/** Reports as pages that stand in one file, and the charts in them. */
@NullMarked
package org.panoptim.cli.page;

import org.jspecify.annotations.NullMarked;
