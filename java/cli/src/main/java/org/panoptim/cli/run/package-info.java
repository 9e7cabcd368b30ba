/** Trainings that have run: what is kept of them in files, and how several are compared. */
@NullMarked
package org.panoptim.cli.run;

import org.jspecify.annotations.NullMarked;
