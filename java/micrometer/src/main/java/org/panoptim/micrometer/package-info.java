/**
 * What an optimizer reports, as meters of Micrometer: {@link org.panoptim.micrometer.MeterMonitor}
 * keeps them in a registry, from which Prometheus and other systems are served.
 */
@NullMarked
package org.panoptim.micrometer;

import org.jspecify.annotations.NullMarked;
