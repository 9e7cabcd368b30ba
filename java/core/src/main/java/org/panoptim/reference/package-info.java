/** The backend in plain Java that all others are measured against: clear before fast. */
@NullMarked
package org.panoptim.reference;

import org.jspecify.annotations.NullMarked;
