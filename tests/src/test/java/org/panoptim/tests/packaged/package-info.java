/** The packaged jars, used as a consumer would use them. */
@NullMarked
package org.panoptim.tests.packaged;

import org.jspecify.annotations.NullMarked;
