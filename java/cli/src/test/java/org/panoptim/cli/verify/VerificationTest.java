package org.panoptim.cli.verify;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.panoptim.backend.Backend;
import org.panoptim.simd.SimdBackend;
import org.panoptim.spi.Execution;
import org.panoptim.spi.StepPlan;
import org.panoptim.spi.UnsupportedPlanException;
import org.panoptim.testkit.scenario.BackendUnderTest;
import org.panoptim.testkit.scenario.Comparison;
import org.panoptim.testkit.scenario.RuleScenarios;
import org.panoptim.testkit.scenario.Scenario;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;

class VerificationTest {

    private final Backend reference = Backend.named("reference");
    private final List<Scenario> scenarios = RuleScenarios.of("sgd").toList();

    @AfterEach
    void closeReference() {
        reference.close();
    }

    @Test
    void everyTierIsComparedWithOneThreadTwoAndMore() {
        try (var simd = Candidate.of(Backend.named("simd"))) {
            var verification = new Verification(reference, List.of(simd), scenarios);
            var results = new ArrayList<Comparison.Result>();
            verification.run(_ -> {}, () -> {}, results::add);

            assertThat(verification.failed()).isEmpty();
            assertThat(verification.runs()).isEqualTo(results.size());
            for (var tier : SimdBackend.usableTiers()) {
                assertThat(simd.all())
                        .filteredOn(each -> ((SimdBackend) each.backend()).tier() == tier)
                        .extracting(each -> ((SimdBackend) each.backend()).threads())
                        .contains(1, 2, 3);
            }
            assertThat(results.stream().map(Comparison.Result::backend).distinct())
                    .containsExactlyInAnyOrderElementsOf(
                            simd.all().stream().map(BackendUnderTest::name).toList());
            assertThat(results)
                    .filteredOn(result -> result.backend().equals(simd.usual().name()))
                    .hasSameSizeAs(scenarios);
            assertThat(verification.table().lines())
                    .anyMatch(
                            line ->
                                    line.matches(
                                            "sgd +0 +%d +%d"
                                                    .formatted(scenarios.size(), results.size())));
            assertThat(String.join(" ", verification.configurations(80)))
                    .startsWith(simd.usual().name() + " ran every scenario. At least ")
                    .contains("baseline on 1, 2 and 3 threads");
        }
    }

    @Test
    void whatDiffersIsNamedWithItsConfiguration() {
        var usual = new BackendUnderTest("usual", Backend.named("reference"), () -> {});
        var others =
                IntStream.range(0, 4)
                        .mapToObj(
                                i ->
                                        new BackendUnderTest(
                                                "other " + i,
                                                i == 3
                                                        ? new Refusing()
                                                        : Backend.named("reference"),
                                                () -> {}))
                        .toList();
        try (var candidate = new Candidate(usual, others)) {
            var verification =
                    new Verification(reference, List.of(candidate), scenarios.subList(0, 2));
            verification.run(_ -> {}, () -> {}, _ -> {});

            assertThat(verification.failed())
                    .hasSize(2)
                    .allSatisfy(
                            result ->
                                    assertThat(result.toString())
                                            .contains(", on other 3: ", "it runs nothing"));
            assertThat(verification.table().lines())
                    .anyMatch(line -> line.matches("sgd +refused +\\d+ +\\d+"));
        }
    }

    private static final class Refusing implements Backend {

        @Override
        public String name() {
            return "refusing";
        }

        @Override
        public String description() {
            return "runs nothing";
        }

        @Override
        public Execution open(StepPlan plan) {
            throw new UnsupportedPlanException(name(), "it runs nothing");
        }

        @Override
        public void close() {}
    }
}
