/** Where a command's results go: the process's streams, and files. */
@NullMarked
package org.panoptim.cli.output;

import org.jspecify.annotations.NullMarked;
