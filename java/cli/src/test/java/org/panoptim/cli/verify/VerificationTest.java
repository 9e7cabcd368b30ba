package org.panoptim.cli.verify;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.panoptim.Backend;
import org.panoptim.UnsupportedPlanException;
import org.panoptim.rule.Lion;
import org.panoptim.rule.Rules;
import org.panoptim.rule.UpdateRule;
import org.panoptim.spi.Execution;
import org.panoptim.spi.StepPlan;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;

class VerificationTest {

    private final Backend reference = Backend.named("reference");

    @AfterEach
    void closeReference() {
        reference.close();
    }

    static Stream<String> rules() {
        return Rules.all().stream().map(UpdateRule::name);
    }

    @ParameterizedTest
    @MethodSource("rules")
    void everyScenarioDoesSomething(String rule) {
        for (var scenario : Scenarios.of(rule).toList()) {
            var snapshot = Run.of(scenario, reference);
            var untouched = Run.of(withoutSteps(scenario), reference);

            assertThat(snapshot.tensors().keySet()).isEqualTo(untouched.tensors().keySet());
            assertThat(snapshot.tensors().keySet())
                    .as(scenario.toString())
                    .filteredOn(name -> name.startsWith("param/"))
                    .anyMatch(
                            name ->
                                    !Arrays.equals(
                                            snapshot.tensors().get(name),
                                            untouched.tensors().get(name)));
        }
    }

    @Test
    void skippingScenariosSkipAndAcceptSteps() {
        var skipping =
                Scenarios.all().stream()
                        .filter(
                                scenario ->
                                        scenario.title().contains("non-finite")
                                                || scenario.title().contains("overflows"))
                        .toList();
        assertThat(skipping).hasSize(3 * Rules.all().size());
        for (var scenario : skipping) {
            var numbers = Run.of(scenario, reference).numbers();
            assertThat(numbers.get("skipped steps after step " + scenario.steps()))
                    .as(scenario.toString())
                    .isPositive();
            assertThat(numbers.get("accepted steps after step " + scenario.steps()))
                    .as(scenario.toString())
                    .isPositive();
        }
    }

    @Test
    void aBackendThatIsOffInTheLastPlaceIsFound() {
        var results = new ArrayList<Verification.Result>();

        new Verification(reference, List.of(new Distorted(reference)))
                .run(Scenarios.of("lion").limit(1).toList(), results::add);

        assertThat(results)
                .singleElement()
                .satisfies(
                        result -> {
                            assertThat(result.passed()).isFalse();
                            assertThat(result.backend()).isEqualTo("distorted");
                            assertThat(result.difference().units()).isPositive();
                            assertThat(result.toString())
                                    .startsWith("lion, defaults, on distorted: ");
                        });
    }

    @Test
    void aRefusalIsNoPass() {
        var results = new ArrayList<Verification.Result>();

        new Verification(reference, List.of(new Refusing()))
                .run(Scenarios.of("lion").limit(1).toList(), results::add);

        assertThat(results)
                .singleElement()
                .satisfies(
                        result -> {
                            assertThat(result.passed()).isFalse();
                            assertThat(result.refusal())
                                    .isEqualTo("backend refusing: no lions here");
                        });
    }

    @Test
    void theLargestDifferenceIsNamed() {
        var expected = snapshot(Map.of("param/w", new float[] {1, 2, 3}), Map.of("norm", 1.0));
        var found =
                snapshot(
                        Map.of("param/w", new float[] {1, Math.nextUp(2f), 3 + 3 * Math.ulp(3f)}),
                        Map.of("norm", Math.nextUp(1.0)));

        var difference = found.differenceFrom(expected);

        assertThat(difference.units()).isEqualTo(3);
        assertThat(difference.place()).isEqualTo("param/w[2]");
        assertThat(expected.differenceFrom(expected).isNone()).isTrue();
    }

    @Test
    void aNumberThatIsOffCountsToo() {
        var expected = snapshot(Map.of(), Map.of("count", 3.0));
        var found = snapshot(Map.of(), Map.of("count", 4.0));

        assertThat(found.differenceFrom(expected).place()).isEqualTo("count");
    }

    @Test
    void snapshotsOfDifferentScenariosAreNotCompared() {
        var one = snapshot(Map.of(), Map.of("count", 3.0));
        var other = snapshot(Map.of(), Map.of("norm", 3.0));

        assertThatIllegalArgumentException().isThrownBy(() -> one.differenceFrom(other));
    }

    private static Snapshot snapshot(Map<String, float[]> tensors, Map<String, Double> numbers) {
        return new Snapshot(new LinkedHashMap<>(tensors), new LinkedHashMap<>(numbers));
    }

    private static Scenario withoutSteps(Scenario scenario) {
        return new Scenario(
                scenario.rule(),
                scenario.title(),
                scenario.groups(),
                0,
                scenario.values(),
                scenario.gradients(),
                scenario.curvatures(),
                scenario.gradientAt(),
                scenario.curvatureAt(),
                scenario.unaligned(),
                scenario.options(),
                scenario.beforeStep());
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
