/** Pieces of reports: pages that stand in one file, and charts in them. */
@NullMarked
package org.panoptim.cli.page;

import org.jspecify.annotations.NullMarked;
