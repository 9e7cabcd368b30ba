/** Pieces of what a command prints. */
@NullMarked
package org.panoptim.cli.terminal;

import org.jspecify.annotations.NullMarked;
