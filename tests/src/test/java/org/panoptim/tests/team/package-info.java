/** Tests of teams whose members are processes. */
@NullMarked
package org.panoptim.tests.team;

import org.jspecify.annotations.NullMarked;
