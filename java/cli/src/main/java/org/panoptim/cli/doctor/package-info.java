/** What {@code panoptim doctor} finds out. */
@NullMarked
package org.panoptim.cli.doctor;

import org.jspecify.annotations.NullMarked;
