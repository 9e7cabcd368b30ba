/**
 * The tables that native code reads, as {@code panoptim_plan.h} declares them, filled from Java.
 */
@NullMarked
package org.panoptim.abi;

import org.jspecify.annotations.NullMarked;
