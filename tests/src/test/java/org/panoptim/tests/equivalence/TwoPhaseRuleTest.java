package org.panoptim.tests.equivalence;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.panoptim.rule.UpdateRule;
import org.panoptim.seeded.Draw;

import java.util.List;
import java.util.stream.Stream;

/**
 * A rule with two phases and reductions between them, on every backend. The tests need the testing
 * library, which alone has the rule's kernel.
 */
@Tag("testing-library")
class TwoPhaseRuleTest {

    private static final TestNormalized RULE = new TestNormalized(1, 0.5);

    private final List<SuiteBackend> others = SuiteBackends.others();

    private Stream<SuiteBackend> all() {
        return Stream.concat(Stream.of(SuiteBackends.reference()), others.stream());
    }

    @Test
    void everyBackendGivesTheBitsOfTheReference() {
        try (var runner = new ScenarioRunner(others)) {
            runner.checkGenerated(300, TwoPhaseRuleTest::mostlyOfTwoPhases);
        }
    }

    private static UpdateRule mostlyOfTwoPhases(Draw draw) {
        return draw.weighted(3, 1) == 0
                ? new TestNormalized(GeneratedScenario.rate(draw), draw.of(0.0, 0.5, 0.9))
                : GeneratedScenario.rule(draw);
    }

    @Test
    void eachTensorIsDividedByItsOwnNormAndAllByTheSameSum() {
        all().forEach(
                        subject -> {
                            try (var fixture = new BackendFixture(subject)) {
                                var a =
                                        fixture.parameter("a", 0, 0)
                                                .gradient(fixture.floats(6, -8));
                                var b = fixture.parameter("b", 0).gradient(fixture.floats(2));
                                fixture.optimizer(RULE, a, b).step();
                                // Averages 3, -4 and 1: norms 5 and 1, and 1 + 8 for both.
                                assertThat(BackendFixture.values(a))
                                        .as("%s", subject)
                                        .containsExactly(-3f / 45, 4f / 45);
                                assertThat(BackendFixture.values(b)).containsExactly(-1f / 9);
                            }
                        });
    }

    @Test
    void tensorsThatStandStillAddNothingToTheSums() {
        all().forEach(
                        subject -> {
                            try (var fixture = new BackendFixture(subject)) {
                                var a = fixture.parameter("a", 0).gradient(fixture.floats(2));
                                var absent = fixture.parameter("absent", 0);
                                var frozen =
                                        fixture.parameter("frozen", 0).gradient(fixture.floats(2));
                                var optimizer =
                                        fixture.build(
                                                fixture.builder(RULE)
                                                        .group("all", List.of(a, absent))
                                                        .group("frozen", List.of(frozen)));
                                optimizer.freeze("frozen");
                                optimizer.step();
                                // An average of 1, alone: its norm 1, and 1 + 1.
                                assertThat(BackendFixture.value(a))
                                        .as("%s", subject)
                                        .isEqualTo(-0.5f);
                            }
                        });
    }

    /** Trap 20: the division by a zero norm. */
    @Test
    void aTensorOfNormZeroStandsStill() {
        all().forEach(
                        subject -> {
                            try (var fixture = new BackendFixture(subject)) {
                                var a = fixture.parameter("a", 3, 4).gradient(fixture.floats(0, 0));
                                fixture.optimizer(RULE, a).step();
                                assertThat(BackendFixture.values(a))
                                        .as("%s", subject)
                                        .containsExactly(3f, 4f);
                            }
                        });
    }
}
