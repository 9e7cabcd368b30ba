package org.panoptim.bench;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

import java.util.concurrent.atomic.AtomicLong;

class TurnTest {

    private static final long MILLISECOND = 1_000_000;

    @Test
    void aLongBodyRunsOnceInATurn() {
        var turn = new Turn(() -> 30 * MILLISECOND);

        assertEquals(30.0 * MILLISECOND, turn.take());
        assertEquals(30.0 * MILLISECOND, turn.take());

        assertEquals(2, turn.bodies());
    }

    @Test
    void aShortBodyRunsForFiveMillisecondsAfterOneThatIsNotTimed() {
        var next = new AtomicLong(MILLISECOND);
        var turn = new Turn(next::get);
        turn.warmUp();
        long before = turn.bodies();

        assertEquals(1.0 * MILLISECOND, turn.take());

        assertEquals(1 + 5, turn.bodies() - before);
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
