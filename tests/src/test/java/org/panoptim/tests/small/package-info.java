/** Very many tensors of very few elements. */
@NullMarked
package org.panoptim.tests.small;

import org.jspecify.annotations.NullMarked;
