package org.panoptim.cli.verify;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.panoptim.backend.Backend;
import org.panoptim.spi.Execution;
import org.panoptim.spi.StepPlan;
import org.panoptim.testkit.scenario.BackendUnderTest;
import org.panoptim.testkit.scenario.CompanionScenarios;
import org.panoptim.testkit.scenario.RuleScenarios;

class CandidateTest {

    /** A backend on a device that is not there. */
    private static final class OnDevice implements Backend {

        private int closings;

        @Override
        public String name() {
            return "device";
        }

        @Override
        public String description() {
            return "none";
        }

        @Override
        public boolean usesHostMemory() {
            return false;
        }

        @Override
        public Execution open(StepPlan plan) {
            throw new UnsupportedOperationException();
        }

        @Override
        public void close() {
            closings++;
        }
    }

    @Test
    void aDeviceRunsTheScenariosOfRulesWithCapturedStepsToo() {
        var backend = new OnDevice();
        try (var candidate = Candidate.of(backend)) {
            assertThat(candidate.all())
                    .extracting(BackendUnderTest::name)
                    .containsExactly("device (none)", "device (none), captured steps");
            assertThat(candidate.all())
                    .extracting(BackendUnderTest::captured)
                    .containsExactly(false, true);
            assertThat(candidate.ofEngines()).containsExactly(candidate.usual());
            var ofRule = RuleScenarios.of("lion").findFirst().orElseThrow();
            assertThat(candidate.othersFor(ofRule)).isEqualTo(candidate.others());
            var ofCompanion = CompanionScenarios.all().getFirst();
            assertThat(candidate.othersFor(ofCompanion)).isEmpty();
            assertThat(candidate.othersInWords()).isEqualTo(" ran with captured steps, too");
        }
        assertThat(backend.closings).isPositive();
    }

    @Test
    void theProcessorsOtherConfigurationsRunCompanionsToo() {
        try (var simd = Candidate.of(Backend.named("simd"))) {
            assertThat(simd.others()).isNotEmpty().noneMatch(BackendUnderTest::captured);
            assertThat(simd.othersFor(CompanionScenarios.all().getFirst()))
                    .isEqualTo(simd.others());
            assertThat(simd.ofEngines()).isEqualTo(simd.all());
        }
    }
}
