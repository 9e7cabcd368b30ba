package org.panoptim.bench.run;

import java.time.Duration;

/**
 * How thoroughly something is measured.
 *
 * @param forks fresh JVMs
 * @param warmUps iterations that do not count, in each
 * @param iterations that count, in each
 * @param length of an iteration
 */
record Effort(int forks, int warmUps, int iterations, Duration length) {

    /** All iterations. */
    int units() {
        return forks * (warmUps + iterations);
    }
}
