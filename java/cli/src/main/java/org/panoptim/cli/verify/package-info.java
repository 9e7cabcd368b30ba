/** Checks the certificates of inverses. */
@NullMarked
package org.panoptim.cli.verify;

import org.jspecify.annotations.NullMarked;
