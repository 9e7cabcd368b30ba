/** Writing files so that nothing is lost, for all that the library and its command line write. */
@NullMarked
package org.panoptim.io;

import org.jspecify.annotations.NullMarked;
