package org.panoptim.bench;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

import java.util.concurrent.atomic.AtomicLong;

class TimedSideTest {

    private static final long MILLISECOND = 1_000_000;

    @Test
    void aLongBodyRunsOnceInATurn() {
        var side = new TimedSide(() -> 60 * MILLISECOND);

        assertEquals(60.0 * MILLISECOND, side.take());
        assertEquals(60.0 * MILLISECOND, side.take());

        assertEquals(2, side.bodies());
    }

    @Test
    void aShortBodyRunsForFiveMillisecondsAfterTenThatAreNotTimed() {
        var next = new AtomicLong(MILLISECOND);
        var side = new TimedSide(next::get);
        side.warmUp();
        long before = side.bodies();

        assertEquals(1.0 * MILLISECOND, side.take());

        assertEquals(10 + 5, side.bodies() - before);
    }

    @Test
    void aBodyOfSomeMillisecondsRunsOnceUntimedAndOnceTimed() {
        var side = new TimedSide(() -> 30 * MILLISECOND);
        side.take();
        long before = side.bodies();

        assertEquals(30.0 * MILLISECOND, side.take());

        assertEquals(1 + 1, side.bodies() - before);
    }

    @Test
    void theFirstTurnAfterWarmingUpIsPlannedByWhatTheBodyThenTook() {
        var calls = new AtomicLong();
        // As if compiled after a hundred calls.
        var side = new TimedSide(() -> calls.incrementAndGet() <= 100 ? 20 * MILLISECOND : 1_000);

        side.warmUp();

        assertTrue(side.bodies() > 100, () -> "only " + side.bodies() + " bodies ran");
        assertEquals(1_000.0, side.take());
    }
}
