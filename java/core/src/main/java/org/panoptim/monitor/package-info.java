/**
 * What an optimizer reports, written down while training goes on: as lines of JSON, as CSV, as
 * files of TensorBoard, or wherever a {@link org.panoptim.monitor.Monitor} of one's own takes it.
 */
@NullMarked
package org.panoptim.monitor;

import org.jspecify.annotations.NullMarked;
