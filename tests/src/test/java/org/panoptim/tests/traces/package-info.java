/** Every backend against runs recorded from other people's programs. */
@NullMarked
package org.panoptim.tests.traces;

import org.jspecify.annotations.NullMarked;
