/**
 * What a step does besides the rule: the scale of its gradients, what becomes of gradients that are
 * not finite, and its recording on a device.
 */
@NullMarked
package org.panoptim.step;

import org.jspecify.annotations.NullMarked;
