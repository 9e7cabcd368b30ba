/** What a backend implements: where it is found, and how it runs the phases of a step. */
@NullMarked
package org.panoptim.spi;

import org.jspecify.annotations.NullMarked;
