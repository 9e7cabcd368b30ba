package org.panoptim.tests.equivalence;

import org.junit.jupiter.api.Test;
import org.panoptim.seeded.SeededCases;

/** Generated runs: every backend gives the reference's bits after every action. */
class EquivalenceTest {

    @Test
    void everyBackendGivesTheBitsOfTheReference() {
        try (var runner = new ScenarioRunner(SuiteBackends.others())) {
            SeededCases.check(
                    500,
                    draw -> GeneratedScenario.of(draw, GeneratedScenario::rule),
                    runner::check);
        }
    }
}
