/**
 * What is trained: parameters with their gradients, groups of them under one rule, and the
 * frameworks whose memory they may be.
 */
@NullMarked
package org.panoptim.parameter;

import org.jspecify.annotations.NullMarked;
