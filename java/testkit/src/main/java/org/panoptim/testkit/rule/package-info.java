/** What can be found out about a rule by looking at it. */
@NullMarked
package org.panoptim.testkit.rule;

import org.jspecify.annotations.NullMarked;
