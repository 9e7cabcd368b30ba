package org.panoptim.testkit.scenario;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.panoptim.backend.Backend;
import org.panoptim.rule.Lion;
import org.panoptim.spi.Execution;
import org.panoptim.spi.StepPlan;
import org.panoptim.spi.UnsupportedPlanException;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;

class ComparisonTest {

    private final Backend reference = Backend.named("reference");
    private final Scenario scenario = RuleScenarios.of("lion").findFirst().orElseThrow();

    @AfterEach
    void closeReference() {
        reference.close();
    }

    private List<Comparison.Result> compare(Backend... others) {
        return Comparison.of(
                scenario,
                new BackendUnderTest(reference),
                Stream.of(others).map(BackendUnderTest::new).toList());
    }

    @Test
    void aBackendWithTheBitsOfTheReferencePasses() {
        try (var other = Backend.named("reference")) {
            assertThat(compare(other))
                    .singleElement()
                    .satisfies(
                            result -> {
                                assertThat(result.passed()).isTrue();
                                assertThat(result.toString())
                                        .isEqualTo("lion, defaults, on reference: no difference");
                            });
        }
    }

    @Test
    void aBackendThatIsOffInTheLastPlaceIsFoundWithTheAction() {
        assertThat(compare(new Distorted(reference), reference))
                .satisfiesExactly(
                        result -> {
                            assertThat(result.passed()).isFalse();
                            assertThat(result.backend()).isEqualTo("distorted");
                            assertThat(result.difference().units()).isPositive();
                            assertThat(result.first()).startsWith("action ").contains(", Step[");
                            assertThat(result.toString())
                                    .startsWith("lion, defaults, on distorted: ")
                                    .contains(" units at value of tensor ");
                        },
                        result -> assertThat(result.passed()).isTrue());
    }

    @Test
    void aRefusalIsNoPassAndDisturbsNobodyElse() {
        assertThat(compare(new Refusing(), reference))
                .satisfiesExactly(
                        result -> {
                            assertThat(result.passed()).isFalse();
                            assertThat(result.refusal())
                                    .isEqualTo("backend refusing: no lions here");
                        },
                        result -> assertThat(result.passed()).isTrue());
    }

    @Test
    void aReferenceThatRefusesIsAnError() {
        assertThatThrownBy(
                        () ->
                                Comparison.of(
                                        scenario, new BackendUnderTest(new Refusing()), List.of()))
                .isInstanceOf(UnsupportedPlanException.class);
    }

    @Test
    void whatSeveralBackendsShareIsSetBeforeEachAction() {
        var calls = new ArrayList<String>();
        Comparison.of(
                scenario,
                new BackendUnderTest("one", reference, () -> calls.add("one")),
                List.of(new BackendUnderTest("other", reference, () -> calls.add("other"))));
        // To build, for each action, and once more to save and once to load.
        int callsOfEach = 1 + scenario.actions().size() + 1;
        assertThat(calls).filteredOn("one"::equals).hasSize(callsOfEach);
        assertThat(calls).filteredOn("other"::equals).hasSize(callsOfEach);
    }

    /** The reference with a learning rate that is off in the last place. */
    private record Distorted(Backend backend) implements Backend {

        @Override
        public String name() {
            return "distorted";
        }

        @Override
        public String description() {
            return "a little off";
        }

        @Override
        public Execution open(StepPlan plan) {
            return backend.open(
                    plan.withGroups(
                            plan.groups().stream()
                                    .map(group -> group.withRule(distort((Lion) group.rule())))
                                    .toList()));
        }

        private static Lion distort(Lion rule) {
            return rule.atLearningRate(rule.learningRate() * (1 + 1e-6));
        }

        @Override
        public void close() {}
    }

    /** Runs nothing. */
    private record Refusing() implements Backend {

        @Override
        public String name() {
            return "refusing";
        }

        @Override
        public String description() {
            return "nothing";
        }

        @Override
        public Execution open(StepPlan plan) {
            throw new UnsupportedPlanException(name(), "no lions here");
        }

        @Override
        public void close() {}
    }
}
