package org.panoptim;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.panoptim.parameter.Tensors.gradient;
import static org.panoptim.parameter.Tensors.tensor;
import static org.panoptim.parameter.Tensors.values;
import static org.panoptim.parameter.Tensors.vector;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.panoptim.backend.Backend;
import org.panoptim.memory.HostMemory;
import org.panoptim.parameter.Parameter;
import org.panoptim.rule.Accumulation;
import org.panoptim.rule.AdaptiveClip;
import org.panoptim.rule.Centralize;
import org.panoptim.rule.Companion;
import org.panoptim.rule.Hypergradient;
import org.panoptim.rule.LookSAM;
import org.panoptim.rule.SGD;
import org.panoptim.rule.SVRG;
import org.panoptim.step.LossScale;
import org.panoptim.step.NonFiniteGradientException;
import org.panoptim.step.NonFinitePolicy;
import org.panoptim.tensor.Shape;

import java.lang.foreign.ValueLayout;
import java.util.List;

/** Passes that go before a step wait where it is about to be refused. */
class RefusedPassesTest {

    private static final float BAD = Float.NaN;

    private final Backend backend = Backend.named("reference");

    @AfterEach
    void close() {
        backend.close();
    }

    private Optimizer optimizer(Parameter parameter, Companion companion) {
        return Optimizer.builder(SGD.withLearningRate(0.1))
                .group("all", List.of(parameter))
                .companion(companion)
                .nonFinite(NonFinitePolicy.SKIP)
                .backend(backend)
                .build();
    }

    private static float[] gradientOf(Parameter parameter) {
        return ((HostMemory) parameter.gradient().orElseThrow())
                .segment()
                .toArray(ValueLayout.JAVA_FLOAT);
    }

    @Test
    void gradientsAreNotRewritten() {
        for (Companion companion :
                List.<Companion>of(new Centralize(), AdaptiveClip.withClip(0.01))) {
            var parameter = tensor("p", Shape.of(2, 2), 1, 1, 1, 1);
            try (var optimizer = optimizer(parameter, companion)) {
                gradient(parameter, 1, 3, BAD, 5);
                optimizer.step();
                assertThat(gradientOf(parameter))
                        .as(companion.name())
                        .containsExactly(1, 3, BAD, 5);
                assertThat(optimizer.report().skipped()).isEqualTo(1);
                gradient(parameter, 1, 3, 2, 6);
                optimizer.step();
                assertThat(gradientOf(parameter))
                        .as(companion.name())
                        .isNotEqualTo(new float[] {1, 3, 2, 6});
            }
        }
    }

    @Test
    void aHypergradientGoesOnFromTheStepBefore() {
        var calm = vector("p", 1);
        var disturbed = vector("p", 1);
        try (var one = optimizer(calm, Hypergradient.withBeta(0.01));
                var other = optimizer(disturbed, Hypergradient.withBeta(0.01))) {
            gradient(calm, 1);
            one.step();
            one.step();
            gradient(disturbed, 1);
            other.step();
            gradient(disturbed, BAD);
            other.step();
            gradient(disturbed, 1);
            other.step();
            assertThat(other.report().learningRates()).isEqualTo(one.report().learningRates());
            assertThat(one.report().learningRates().get("all")).isGreaterThan(0.1);
            assertThat(values(disturbed)).isEqualTo(values(calm));
        }
    }

    @Test
    void whatSamFoundIsKeptForTheNextStep() {
        var parameter = vector("p", 1);
        try (var optimizer = optimizer(parameter, LookSAM.defaults())) {
            gradient(parameter, 1);
            optimizer.run(LookSAM.PERTURB);
            optimizer.run(LookSAM.RESTORE);
            gradient(parameter, BAD);
            optimizer.step();
            assertThat(optimizer.state("p", "fresh_direction").value()).isEqualTo(1);
            assertThat(optimizer.state("p", "direction").toArray()).containsExactly(1);
        }
    }

    @Test
    void aRecordServesTheStepThatIsTriedAgain() {
        var parameter = vector("p", 1);
        try (var optimizer =
                Optimizer.builder(SGD.withLearningRate(0.1))
                        .group("all", List.of(parameter))
                        .companion(new SVRG())
                        .nonFinite(NonFinitePolicy.FAIL)
                        .backend(backend)
                        .build()) {
            gradient(parameter, 1);
            optimizer.run(SVRG.SNAPSHOT);
            optimizer.run(SVRG.VISIT);
            gradient(parameter, 2);
            optimizer.run(SVRG.LEAVE);
            optimizer.run(SVRG.RECORD);
            gradient(parameter, BAD);
            assertThatThrownBy(optimizer::step).isInstanceOf(NonFiniteGradientException.class);
            gradient(parameter, 2);
            optimizer.step();
            // 2 - 2 + 1
            assertThat(values(parameter)).containsExactly(0.9f);
        }
    }

    @Test
    void withoutAPolicyTheyRunWhateverTheGradientsAre() {
        var parameter = tensor("p", Shape.of(1, 2), 1, 1);
        try (var optimizer =
                Optimizer.builder(SGD.withLearningRate(0.1))
                        .group("all", List.of(parameter))
                        .companion(new Centralize())
                        .clipGlobalNorm(1)
                        .backend(backend)
                        .build()) {
            gradient(parameter, BAD, 1);
            optimizer.step();
            assertThat(gradientOf(parameter)).containsExactly(BAD, BAD);
        }
    }

    @Test
    void aSumIsReleasedByNameAfterARefusedStep() {
        var parameter = vector("p", 1);
        try (var optimizer = optimizer(parameter, Accumulation.defaults())) {
            gradient(parameter, BAD);
            optimizer.step();
            gradient(parameter, 2);
            optimizer.run(Accumulation.ACCUMULATE);
            gradient(parameter, 3);
            optimizer.run(Accumulation.ACCUMULATE);
            optimizer.run(Accumulation.RELEASE);
            assertThat(gradientOf(parameter)).containsExactly(2.5f);
        }
    }

    @Test
    void aSumThatIsNotFiniteRefusesOneStepAndIsGone() {
        for (float last : new float[] {BAD, 3}) {
            var parameter = vector("p", 1);
            try (var optimizer = optimizer(parameter, Accumulation.defaults())) {
                gradient(parameter, BAD);
                optimizer.run(Accumulation.ACCUMULATE);
                gradient(parameter, last);
                optimizer.run(Accumulation.ACCUMULATE);
                optimizer.step();
                assertThat(optimizer.report().skipped()).isEqualTo(1);
                gradient(parameter, 5);
                optimizer.run(Accumulation.ACCUMULATE);
                optimizer.step();
                assertThat(values(parameter)).containsExactly(0.5f);
            }
        }
    }

    @Test
    void whatIsReleasedIsWhatTheOthersWaitFor() {
        var parameter = tensor("p", Shape.of(1, 2), 1, 1);
        try (var optimizer =
                Optimizer.builder(SGD.withLearningRate(0.1))
                        .group("all", List.of(parameter))
                        .companion(Hypergradient.withBeta(0.01))
                        .companion(Accumulation.defaults())
                        .nonFinite(NonFinitePolicy.SKIP)
                        .backend(backend)
                        .build()) {
            gradient(parameter, BAD, 1);
            optimizer.run(Accumulation.ACCUMULATE);
            gradient(parameter, 1, 1);
            var before = optimizer.state("p", "last_param").toArray();
            optimizer.step();
            assertThat(optimizer.report().skipped()).isEqualTo(1);
            assertThat(optimizer.state("p", "last_param").toArray()).containsExactly(before);
            assertThat(optimizer.report().learningRates()).containsEntry("all", 0.1);
        }
    }

    @Test
    void theLossScaleShrinksOnce() {
        var parameter = vector("p", 1);
        try (var optimizer =
                Optimizer.builder(SGD.withLearningRate(0.1))
                        .group("all", List.of(parameter))
                        .companion(Hypergradient.withBeta(0.01))
                        .lossScale(new LossScale.Dynamic(1024, 2, 0.5, 100))
                        .nonFinite(NonFinitePolicy.SKIP)
                        .backend(backend)
                        .build()) {
            gradient(parameter, Float.POSITIVE_INFINITY);
            optimizer.step();
            assertThat(optimizer.lossScale()).isEqualTo(512);
            assertThat(optimizer.report().skipped()).isEqualTo(1);
        }
    }
}
