/**
 * Fused optimizers: the optimizer, which stands on all other packages but {@link
 * org.panoptim.monitor}, and what it reports.
 *
 * <p>Parameters come from {@link org.panoptim.parameter}, rules from {@link org.panoptim.rule},
 * schedules from {@link org.panoptim.schedule}, backends from {@link org.panoptim.backend}.
 *
 * <p><b>The same bits.</b> Where the library promises them, on another backend, with another number
 * of threads or in another process, all NaNs count as one value. Which of its bits a NaN has beyond
 * those that make it one (sign and payload) depends on the processor or device, and in plain Java
 * on the compiler that has come to the method meanwhile, so that even two runs of a process may
 * differ in them. Compare with {@link Float#floatToIntBits}, which knows one NaN, and not with
 * {@link Float#floatToRawIntBits} or byte by byte. Whether an element is NaN is the same
 * everywhere, and so is every other value, both zeros and subnormal numbers included.
 */
@NullMarked
package org.panoptim;

import org.jspecify.annotations.NullMarked;
