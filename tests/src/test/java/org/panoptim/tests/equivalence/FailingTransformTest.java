package org.panoptim.tests.equivalence;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.panoptim.rule.SGD;
import org.panoptim.step.LossScale;

import java.io.IOException;
import java.util.List;
import java.util.stream.Stream;

/** A transform that throws, whatever it is, takes the step back on every backend. */
class FailingTransformTest {

    static Stream<Throwable> failures() {
        return Stream.of(
                new IllegalStateException("planted"),
                new AssertionError("planted"),
                // Kotlin throws these without saying so.
                new IOException("planted"));
    }

    @SuppressWarnings("unchecked")
    private static <E extends Throwable> void sneak(Throwable failure) throws E {
        throw (E) failure;
    }

    @ParameterizedTest
    @MethodSource("failures")
    void aStepWhoseTransformThrowsIsNotTaken(Throwable failure) {
        for (var subject : SuiteBackends.all()) {
            try (var fixture = new BackendFixture(subject)) {
                var failing = new boolean[] {true};
                var p = fixture.parameter("p", 1, 2).gradient(fixture.floats(1, 1));
                var optimizer =
                        fixture.build(
                                fixture.builder(SGD.withLearningRate(1))
                                        .lossScale(LossScale.dynamic())
                                        .transform(
                                                _ -> {
                                                    if (failing[0]) {
                                                        FailingTransformTest
                                                                .<RuntimeException>sneak(failure);
                                                    }
                                                })
                                        .group("all", List.of(p)));
                var scale = optimizer.lossScale();
                var as = subject.toString();

                assertThatThrownBy(optimizer::step).as(as).isSameAs(failure);

                assertThat(optimizer.report().step()).as(as).isZero();
                assertThat(optimizer.report().counts().values()).as(as).containsOnly(0L);
                assertThat(optimizer.lossScale()).as(as).isEqualTo(scale);
                assertThat(BackendFixture.values(p)).as(as).containsExactly(1, 2);
                failing[0] = false;
                optimizer.step();
                assertThat(optimizer.report().step()).as(as).isEqualTo(1);
            }
        }
    }
}
