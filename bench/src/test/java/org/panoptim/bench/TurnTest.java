package org.panoptim.bench;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

import java.util.concurrent.atomic.AtomicLong;

class TurnTest {

    private static final long MILLISECOND = 1_000_000;

    @Test
    void aLongBodyRunsOnceInATurn() {
        var turn = new Turn(() -> 60 * MILLISECOND);

        assertEquals(60.0 * MILLISECOND, turn.take());
        assertEquals(60.0 * MILLISECOND, turn.take());

        assertEquals(2, turn.bodies());
    }

    @Test
    void aShortBodyRunsForFiveMillisecondsAfterTenThatAreNotTimed() {
        var next = new AtomicLong(MILLISECOND);
        var turn = new Turn(next::get);
        turn.warmUp();
        long before = turn.bodies();

        assertEquals(1.0 * MILLISECOND, turn.take());

        assertEquals(10 + 5, turn.bodies() - before);
    }

    @Test
    void aBodyOfSomeMillisecondsRunsOnceUntimedAndOnceTimed() {
        var turn = new Turn(() -> 30 * MILLISECOND);
        turn.take();
        long before = turn.bodies();

        assertEquals(30.0 * MILLISECOND, turn.take());

        assertEquals(1 + 1, turn.bodies() - before);
    }

    @Test
    void theFirstTurnAfterWarmingUpIsPlannedByWhatTheBodyThenTook() {
        var calls = new AtomicLong();
        // As if compiled after a hundred calls.
        var turn = new Turn(() -> calls.incrementAndGet() <= 100 ? 20 * MILLISECOND : 1_000);

        turn.warmUp();

        assertTrue(turn.bodies() > 100, () -> "only " + turn.bodies() + " bodies ran");
        assertEquals(1_000.0, turn.take());
    }
}
