package org.panoptim.tests.equivalence;

import org.junit.jupiter.api.Test;

/** Generated runs: every backend gives the reference's bits after every action. */
class EquivalenceTest {

    @Test
    void everyBackendGivesTheBitsOfTheReference() {
        try (var runner = new ScenarioRunner(SuiteBackends.others())) {
            runner.checkGenerated(750, GeneratedScenario::rule);
        }
    }
}
