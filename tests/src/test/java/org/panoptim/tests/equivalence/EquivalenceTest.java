package org.panoptim.tests.equivalence;

import org.junit.jupiter.api.Test;
import org.panoptim.seeded.SeededCases;

import java.util.List;

/** Generated runs: every backend gives the reference's bits after every action. */
class EquivalenceTest {

    private final List<Contender> challengers = Contenders.challengers();

    @Test
    void everyBackendGivesTheBitsOfTheReference() {
        SeededCases.check(
                500,
                draw -> Cases.over(draw, Cases::rule),
                play -> Play.compare(play, challengers));
    }
}
