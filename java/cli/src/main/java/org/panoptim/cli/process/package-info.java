/** Processes of this program that it starts itself. */
@NullMarked
package org.panoptim.cli.process;

import org.jspecify.annotations.NullMarked;
