/** The command line. */
@NullMarked
package org.panoptim.cli;

import org.jspecify.annotations.NullMarked;
