/** Tests of the whole: what no module can show of itself alone. */
@NullMarked
package org.panoptim.tests;

import org.jspecify.annotations.NullMarked;
