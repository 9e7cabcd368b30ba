package org.panoptim.tests.equivalence;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.panoptim.rule.SGD;
import org.panoptim.step.LossScale;

import java.util.List;

/** Gradients that a transform may have changed are measured again, as the attempt began. */
class MeasuredAgainTest {

    /** Finite once unscaled by 2, and not by 4. */
    private static final float LARGE = 0x1p126f;

    @Test
    void aLossScaleThatTheAttemptLoweredDoesNotCountYet() {
        for (var subject : SuiteBackends.all()) {
            try (var fixture = new BackendFixture(subject)) {
                var large = fixture.parameter("large", 1).gradient(fixture.floats(LARGE));
                var bad = fixture.parameter("bad", 1).gradient(fixture.floats(Float.NaN));
                var optimizer =
                        fixture.build(
                                fixture.builder(SGD.withLearningRate(1))
                                        .group("all", List.of(large, bad))
                                        .lossScale(new LossScale.Dynamic(0.5, 2, 0.5, 100))
                                        .transform(_ -> {})
                                        .statistics(true));
                optimizer.step();
                assertThat(optimizer.lossScale()).isEqualTo(0.25);
                assertThat(optimizer.report().parameters().get("large").gradientNorm())
                        .as("%s", subject)
                        .hasValue(0x1p127);
            }
        }
    }
}
