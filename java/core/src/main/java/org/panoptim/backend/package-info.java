/** The backends: how one is found and opened, and why another was passed over. */
@NullMarked
package org.panoptim.backend;

import org.jspecify.annotations.NullMarked;
