package org.panoptim.distributed;

import java.time.Duration;

/**
 * How often members say that they are there.
 *
 * @param beat the time between two words
 * @param silence after which a member counts as gone
 */
record Pulse(Duration beat, Duration silence) {

    private static final Duration MOST = Duration.ofSeconds(5);
    private static final Duration LEAST = Duration.ofMillis(50);

    /** A tenth of a timeout between words, and eight of them missing is silence. */
    static Pulse of(Duration timeout) {
        var beat = timeout.dividedBy(10);
        beat = beat.compareTo(MOST) > 0 ? MOST : beat;
        beat = beat.compareTo(LEAST) < 0 ? LEAST : beat;
        return new Pulse(beat, beat.multipliedBy(8));
    }
}
