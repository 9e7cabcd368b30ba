package org.panoptim;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.entry;
import static org.assertj.core.data.Percentage.withPercentage;
import static org.panoptim.parameter.Tensors.gradient;
import static org.panoptim.parameter.Tensors.values;
import static org.panoptim.parameter.Tensors.vector;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.panoptim.backend.Backend;
import org.panoptim.parameter.Parameter;
import org.panoptim.rule.AdamW;
import org.panoptim.rule.SGD;
import org.panoptim.schedule.Schedule;
import org.panoptim.step.NonFinitePolicy;

import java.util.List;
import java.util.Random;

class ReportTest {

    private final Backend backend = Backend.named("reference");
    private final Parameter a = vector("a", 1, 2);
    private final Parameter b = vector("b", 3);

    @AfterEach
    void close() {
        backend.close();
    }

    private Optimizer.Builder<SGD> builder() {
        return Optimizer.builder(SGD.withLearningRate(0.5))
                .group("z", List.of(b))
                .group("a", List.of(a), rule -> rule.atLearningRate(2))
                .backend(backend);
    }

    @Test
    void beforeTheFirstStepNothingHasHappened() {
        try (var optimizer = builder().schedule(Schedule.of(_ -> 0.5)).build()) {
            var report = optimizer.report();
            assertThat(report.step()).isZero();
            assertThat(report.skipped()).isZero();
            assertThat(report.accepted()).isFalse();
            assertThat(report.lossScale()).isEqualTo(1);
            assertThat(report.learningRates()).containsExactly(entry("z", 0.5), entry("a", 2.0));
            assertThat(report.counts()).containsExactly(entry("b", 0L), entry("a", 0L));
            assertThat(report.gradientNorm()).isEmpty();
            assertThat(report.updateNorm()).isEmpty();
            assertThat(report.clipCoefficient()).isEqualTo(1);
        }
    }

    @Test
    void learningRatesHoldTheSchedulesFactor() {
        try (var optimizer = builder().schedule(Schedule.step(1, 0.5)).build()) {
            optimizer.step();
            assertThat(optimizer.report().learningRates())
                    .containsExactly(entry("z", 0.5), entry("a", 2.0));
            optimizer.step();
            optimizer.step();
            assertThat(optimizer.report().learningRates())
                    .containsExactly(entry("z", 0.125), entry("a", 0.5));
        }
    }

    @Test
    void normsAreNotTakenUnlessSomethingAsksForThem() {
        gradient(a, 3, 4);
        try (var optimizer = builder().build()) {
            optimizer.step();
            assertThat(optimizer.report().gradientNorm()).isEmpty();
            assertThat(optimizer.report().updateNorm()).isEmpty();
        }
        try (var optimizer = builder().nonFinite(NonFinitePolicy.SKIP).build()) {
            optimizer.step();
            assertThat(optimizer.report().gradientNorm()).hasValue(5);
            assertThat(optimizer.report().updateNorm()).isEmpty();
        }
    }

    @Test
    void statisticsTakeBothNorms() {
        gradient(a, 3, 4);
        gradient(b, 12);
        try (var optimizer = builder().statistics(true).build()) {
            optimizer.step();
            assertThat(optimizer.report().gradientNorm()).hasValue(13);
            // a moved by 2·(3, 4), b by 0.5·12.
            assertThat(optimizer.report().updateNorm()).hasValue(Math.sqrt(36 + 64 + 36));
            assertThat(optimizer.report().accepted()).isTrue();
            assertThat(optimizer.report().clipCoefficient()).isEqualTo(1);
        }
    }

    @Test
    void theUpdateNormIsOfWhatTheParametersReallyMoved() {
        var random = new Random(7);
        var large = vector("large", floats(random, 9000));
        try (var optimizer =
                Optimizer.builder(AdamW.withLearningRate(1e-3))
                        .group("all", List.of(large, a))
                        .statistics(true)
                        .backend(backend)
                        .build()) {
            gradient(a, 1, -1);
            for (int step = 0; step < 3; step++) {
                gradient(large, floats(random, 9000));
                var before = values(large);
                var beforeA = values(a);
                optimizer.step();
                double squares = squares(before, values(large)) + squares(beforeA, values(a));
                assertThat(optimizer.report().updateNorm().orElseThrow())
                        .isCloseTo(Math.sqrt(squares), withPercentage(1e-12));
            }
        }
    }

    private static float[] floats(Random random, int count) {
        var values = new float[count];
        for (int i = 0; i < count; i++) {
            values[i] = (float) random.nextGaussian();
        }
        return values;
    }

    private static double squares(float[] before, float[] after) {
        double sum = 0;
        for (int i = 0; i < before.length; i++) {
            double change = after[i] - before[i];
            sum += change * change;
        }
        return sum;
    }

    @Test
    void aRefusedStepHasNoUpdate() {
        gradient(a, Float.NaN, 4);
        try (var optimizer =
                builder()
                        .statistics(true)
                        .clipGlobalNorm(1)
                        .nonFinite(NonFinitePolicy.SKIP)
                        .build()) {
            optimizer.step();
            var report = optimizer.report();
            assertThat(report.accepted()).isFalse();
            assertThat(report.updateNorm()).isEmpty();
            assertThat(report.gradientNorm().orElseThrow()).isNaN();
            assertThat(report.step()).isZero();
            assertThat(report.skipped()).isEqualTo(1);
            gradient(a, 3, 4);
            optimizer.step();
            assertThat(optimizer.report().accepted()).isTrue();
            assertThat(optimizer.report().skipped()).isEqualTo(1);
        }
    }

    @Test
    void aReportIsASnapshot() {
        gradient(a, 1, 1);
        try (var optimizer = builder().build()) {
            var report = optimizer.report();
            optimizer.step();
            assertThat(report.step()).isZero();
            assertThat(report.counts()).containsEntry("a", 0L);
            assertThatThrownBy(() -> report.counts().put("a", 9L))
                    .isInstanceOf(UnsupportedOperationException.class);
            assertThatThrownBy(() -> report.learningRates().clear())
                    .isInstanceOf(UnsupportedOperationException.class);
        }
    }
}
