/** The command line: one class a command, light enough that asking for help loads nothing else. */
@NullMarked
package org.panoptim.cli;

import org.jspecify.annotations.NullMarked;
