package org.panoptim.tests.equivalence;

import static org.assertj.core.api.Assertions.assertThat;

import org.panoptim.rule.UpdateRule;
import org.panoptim.seeded.Draw;
import org.panoptim.seeded.SeededCases;
import org.panoptim.testkit.scenario.BackendUnderTest;
import org.panoptim.testkit.scenario.Comparison;
import org.panoptim.testkit.scenario.Scenario;

import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;
import java.util.stream.IntStream;

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

    /**
     * Tries generated scenarios under rules that are drawn, each on a third of the backends: most
     * faults show on several, and so there is time for more scenarios.
     */
    void checkGenerated(int cases, Function<Draw, ? extends UpdateRule> rule) {
        SeededCases.check(
                cases,
                draw -> new Case(GeneratedScenario.of(draw, rule), drawn(draw)),
                each -> check(each.scenario(), each.backends().stream().map(others::get).toList()));
    }

    /** A scenario, and the indices of the backends that it is run on. */
    private record Case(Scenario scenario, List<Integer> backends) {}

    private List<Integer> drawn(Draw draw) {
        var left = new ArrayList<>(IntStream.range(0, others.size()).boxed().toList());
        var chosen = new ArrayList<Integer>();
        while (chosen.size() < Math.ceilDiv(others.size(), 3)) {
            chosen.add(left.remove(draw.between(0, left.size() - 1)));
        }
        return chosen;
    }

    void check(Scenario scenario) {
        check(scenario, others);
    }

    private void check(Scenario scenario, List<BackendUnderTest> backends) {
        assertThat(Comparison.of(scenario, reference, backends))
                .as(scenario.description())
                .hasSameSizeAs(backends)
                .allMatch(Comparison.Result::passed);
    }

    @Override
    public void close() {
        others.forEach(BackendUnderTest::close);
        reference.close();
    }
}
