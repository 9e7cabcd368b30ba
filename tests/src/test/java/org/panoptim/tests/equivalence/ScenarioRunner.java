package org.panoptim.tests.equivalence;

import static org.assertj.core.api.Assertions.assertThat;

import org.panoptim.testkit.scenario.BackendUnderTest;
import org.panoptim.testkit.scenario.Comparison;
import org.panoptim.testkit.scenario.Scenario;

import java.util.ArrayList;
import java.util.List;

/**
 * Runs scenarios on the reference and on backends that must have its bits, which are open until
 * this is closed.
 */
final class ScenarioRunner implements AutoCloseable {

    private final BackendUnderTest reference = SuiteBackends.reference().open();
    private final List<BackendUnderTest> others = new ArrayList<>();

    ScenarioRunner(List<SuiteBackend> others) {
        try {
            others.forEach(other -> this.others.add(other.open()));
        } catch (RuntimeException | Error e) {
            close();
            throw e;
        }
    }

    /** Checks a scenario on all backends of this run of the suite. */
    static void checkOnce(Scenario scenario) {
        try (var runner = new ScenarioRunner(SuiteBackends.others())) {
            runner.check(scenario);
        }
    }

    void check(Scenario scenario) {
        assertThat(Comparison.of(scenario, reference, others))
                .as(scenario.description())
                .hasSameSizeAs(others)
                .allMatch(Comparison.Result::passed);
    }

    @Override
    public void close() {
        others.forEach(BackendUnderTest::close);
        reference.close();
    }
}
