package org.panoptim.cli.verify;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.panoptim.backend.Backend;
import org.panoptim.parameter.ParameterGroup;
import org.panoptim.rule.Muon;
import org.panoptim.spi.Execution;
import org.panoptim.spi.StepPlan;
import org.panoptim.spi.UnsupportedPlanException;
import org.panoptim.testkit.scenario.BackendUnderTest;

import java.util.List;

class MatrixCheckTest {

    private static final Muon RULE = Muon.defaults();

    private final BackendUnderTest reference = new BackendUnderTest(Backend.named("reference"));

    @AfterEach
    void closeReference() {
        reference.close();
    }

    private MatrixCheck.Result check(Backend backend) {
        return MatrixCheck.of(
                RULE, reference, backend.name(), List.of(new BackendUnderTest(backend)));
    }

    @Test
    void aBackendOfItsOwnProductsIsWithinTheBounds() {
        try (var simd = Candidate.of(Backend.named("simd"))) {
            var result = MatrixCheck.of(RULE, reference, simd.name(), simd.all());
            assertThat(result.problems()).isEmpty();
            assertThat(result.passed()).isTrue();
            assertThat(result.difference()).isLessThan(MatrixCheck.allowed());
        }
    }

    /** The reference, but for one thing. */
    private static class Other implements Backend {

        private final Backend backend = Backend.named("reference");

        @Override
        public String name() {
            return "other";
        }

        @Override
        public String description() {
            return "another one";
        }

        @Override
        public Execution open(StepPlan plan) {
            return backend.open(plan);
        }

        @Override
        public void close() {
            backend.close();
        }
    }

    /** Steps by another Muon than was asked for. */
    private static final class Inexact extends Other {

        private final Muon rule;

        Inexact(Muon rule) {
            this.rule = rule;
        }

        @Override
        public Execution open(StepPlan plan) {
            var group = plan.groups().getFirst();
            var other =
                    new ParameterGroup(group.name(), rule.atLearningRate(1), group.parameters());
            return super.open(plan.withGroups(List.of(other)));
        }
    }

    @Test
    void aStepThatIsNotTheRulesIsFoundWithItsMatrix() {
        // A coefficient as a unit with ten bits would have it.
        var coarse =
                new Inexact(
                        new Muon(
                                1,
                                0.1,
                                0.95,
                                true,
                                3.4445 * (1 + 0x1p-10),
                                -4.775,
                                2.0315,
                                1e-7,
                                5,
                                false));
        try (coarse) {
            var result = check(coarse);
            assertThat(result.passed()).isFalse();
            assertThat(result.difference()).isGreaterThan(MatrixCheck.allowed());
            assertThat(result.problems())
                    .anySatisfy(
                            problem ->
                                    assertThat(problem)
                                            .startsWith("value 2 [130, 129] of muon on other: ")
                                            .endsWith(", allowed are 2e-04"));
        }
    }

    @Test
    void aMomentumOfOtherBitsIsFound() {
        try (var other = new Inexact(RULE.withMomentum(0.9500001))) {
            assertThat(check(other).problems())
                    .contains(
                            "momentum_buffer 0 [64, 70] of muon on other: other bits than the"
                                    + " reference's");
        }
    }

    @Test
    void aBackendThatDoesNotRunItSaysWhy() {
        var refusing =
                new Other() {
                    @Override
                    public Execution open(StepPlan plan) {
                        throw new UnsupportedPlanException(name(), "there is no algebra");
                    }
                };
        try (refusing) {
            var result = check(refusing);
            assertThat(result.passed()).isFalse();
            assertThat(result.problems())
                    .singleElement()
                    .satisfies(
                            problem ->
                                    assertThat(problem)
                                            .startsWith("no step by muon: ")
                                            .contains("there is no algebra"));
        }
    }
}
