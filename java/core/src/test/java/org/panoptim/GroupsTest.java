package org.panoptim;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.entry;
import static org.panoptim.parameter.Tensors.gradient;
import static org.panoptim.parameter.Tensors.values;
import static org.panoptim.parameter.Tensors.vector;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.panoptim.backend.Backend;
import org.panoptim.parameter.Parameter;
import org.panoptim.parameter.ParameterGroup;
import org.panoptim.rule.Adam;
import org.panoptim.rule.AdamW;
import org.panoptim.rule.Lion;
import org.panoptim.rule.SGD;
import org.panoptim.schedule.Schedule;
import org.panoptim.step.NonFinitePolicy;

import java.util.List;

/** Groups, their rules and hyper-parameters, and the counts of their parameters. */
class GroupsTest {

    private final Backend backend = Backend.named("reference");
    private final Parameter a = vector("a", 1, 2);
    private final Parameter b = vector("b", 1, 2);

    @AfterEach
    void close() {
        backend.close();
    }

    private Optimizer.Builder<SGD> sgd(double learningRate) {
        return Optimizer.builder(SGD.withLearningRate(learningRate)).backend(backend);
    }

    @Test
    void oneGroupNeedsNoBuilder() {
        gradient(a, 4, 8);
        try (var optimizer = Optimizer.of(SGD.withLearningRate(0.25), List.of(a, b))) {
            optimizer.step();
            assertThat(values(a)).containsExactly(0, 0);
            assertThat(optimizer.group("all").parameters()).containsExactly(a, b);
            assertThat(optimizer.groups()).hasSize(1);
        }
    }

    @Test
    void whatIsInNoGroupMakesUpAnother() {
        try (var optimizer =
                Optimizer.builder(SGD.withLearningRate(0.5))
                        .group("first", List.of(a), rule -> rule.withMomentum(0.5))
                        .remaining(List.of(a, b))
                        .build()) {
            assertThat(optimizer.group("others").parameters()).containsExactly(b);
            assertThat(optimizer.group("others").rule()).isEqualTo(SGD.withLearningRate(0.5));
        }
        try (var optimizer = sgd(0.5).remaining(List.of(a, b)).build()) {
            assertThat(optimizer.group("all").parameters()).containsExactly(a, b);
        }
        try (var optimizer = sgd(0.5).group("all", List.of(a, b)).remaining(List.of(b)).build()) {
            assertThat(optimizer.groups()).hasSize(1);
        }
    }

    @Test
    void aGroupCanChangeTheBuildersHyperParameters() {
        gradient(a, 1, 1);
        gradient(b, 1, 1);
        try (var optimizer =
                sgd(0.5).group("plain", List.of(a))
                        .group("decay", List.of(b), rule -> rule.withWeightDecay(1))
                        .build()) {
            optimizer.step();
            assertThat(values(a)).containsExactly(0.5f, 1.5f); // p − 0.5
            assertThat(values(b)).containsExactly(0, 0.5f); // p − 0.5·(1 + p)
        }
    }

    @Test
    void aGroupCanHaveARuleOfItsOwn() {
        gradient(a, 4, 4);
        gradient(b, 4, 4);
        try (var optimizer =
                sgd(0.5).group("sgd", List.of(a))
                        .group("lion", List.of(b), Lion.withLearningRate(0.25))
                        .build()) {
            optimizer.step();
            assertThat(values(a)).containsExactly(-1, 0); // p − 0.5·4
            assertThat(values(b)).containsExactly(0.75f, 1.75f); // p − 0.25
            assertThat(optimizer.group("sgd").rule()).isEqualTo(SGD.withLearningRate(0.5));
            assertThat(optimizer.group("lion").rule()).isEqualTo(Lion.withLearningRate(0.25));
            assertThat(optimizer.groups())
                    .extracting(ParameterGroup::name)
                    .containsExactly("sgd", "lion");
        }
    }

    @Test
    void aParameterWithoutAGradientStandsStillWithItsStatesAndCount() {
        try (var optimizer =
                Optimizer.builder(AdamW.withLearningRate(0.5))
                        .group("all", List.of(a, b))
                        .backend(backend)
                        .build()) {
            gradient(a, 1, 2);
            gradient(b, 1, 2);
            optimizer.step();
            var value = values(b);
            var average = optimizer.state("b", "exp_avg").toArray();
            b.clearGradient();
            optimizer.step();
            assertThat(values(b)).containsExactly(value);
            assertThat(optimizer.state("b", "exp_avg").toArray()).containsExactly(average);
            assertThat(optimizer.report().counts()).containsExactly(entry("a", 2L), entry("b", 1L));
            assertThat(optimizer.report().step()).isEqualTo(2);
        }
    }

    @Test
    void biasCorrectionGoesByTheParametersOwnCount() {
        try (var late =
                        Optimizer.builder(Adam.withLearningRate(0.5))
                                .group("all", List.of(a, b))
                                .backend(backend)
                                .build();
                var fresh =
                        Optimizer.builder(Adam.withLearningRate(0.5))
                                .group("all", List.of(vector("b", 1, 2)))
                                .backend(backend)
                                .build()) {
            gradient(a, 1, 1);
            late.step();
            late.step();
            // b joins at the optimizer's third step, which is its own first.
            var twin = fresh.groups().getFirst().parameters().getFirst();
            for (int step = 1; step <= 3; step++) {
                gradient(b, step, -step);
                gradient(twin, step, -step);
                late.step();
                fresh.step();
                assertThat(values(b)).containsExactly(values(twin));
            }
            assertThat(late.report().counts()).containsExactly(entry("a", 5L), entry("b", 3L));
        }
    }

    @Test
    void aGroupAddedLaterStartsAtZero() {
        try (var optimizer =
                Optimizer.builder(SGD.withLearningRate(0.5).withMomentum(0.5).withDampening(0.5))
                        .group("first", List.of(a))
                        .backend(backend)
                        .build()) {
            gradient(a, 1, 1);
            optimizer.step();
            optimizer.add(
                    new ParameterGroup("second", optimizer.group("first").rule(), List.of(b)));
            assertThat(optimizer.report().counts()).containsExactly(entry("a", 1L), entry("b", 0L));
            assertThat(optimizer.state("b", "momentum_buffer").toArray()).containsExactly(0, 0);
            gradient(b, 1, 1);
            optimizer.step();
            // The first step of b is not dampened: b = g.
            assertThat(optimizer.state("b", "momentum_buffer").toArray()).containsExactly(1, 1);
            assertThat(values(b)).containsExactly(0.5f, 1.5f);
            // What a had before is kept: 0.5·1 + 0.5·1.
            assertThat(optimizer.state("a", "momentum_buffer").toArray()).containsExactly(1, 1);
            assertThat(optimizer.report().counts()).containsExactly(entry("a", 2L), entry("b", 1L));
        }
    }

    @Test
    void aStepWithoutAnyGradientIsAStep() {
        try (var optimizer = sgd(0.5).group("all", List.of(a)).build()) {
            optimizer.step();
            assertThat(values(a)).containsExactly(1, 2);
            assertThat(optimizer.report().step()).isEqualTo(1);
            assertThat(optimizer.report().accepted()).isTrue();
            assertThat(optimizer.report().counts()).containsExactly(entry("a", 0L));
        }
    }

    @Test
    void aFrozenGroupIsNeitherMeasuredNorUpdated() {
        gradient(a, 3, 4);
        gradient(b, Float.NaN, 1e30f);
        try (var optimizer =
                sgd(0.5).group("live", List.of(a))
                        .group("frozen", List.of(b), rule -> rule.withWeightDecay(1))
                        .nonFinite(NonFinitePolicy.SKIP)
                        .statistics(true)
                        .build()) {
            optimizer.freeze("frozen");
            assertThat(optimizer.group("frozen").frozen()).isTrue();
            optimizer.step();
            assertThat(optimizer.report().accepted()).isTrue();
            assertThat(optimizer.report().gradientNorm()).hasValue(5);
            assertThat(optimizer.report().updateNorm()).hasValue(2.5);
            assertThat(values(a)).containsExactly(-0.5f, 0);
            assertThat(values(b)).containsExactly(1, 2);
            assertThat(optimizer.report().counts()).containsExactly(entry("a", 1L), entry("b", 0L));
        }
    }

    @Test
    void aThawedGroupGoesOnWithItsStatesAndCount() {
        try (var optimizer =
                sgd(0.5).group("all", List.of(a), rule -> rule.withMomentum(0.5)).build()) {
            gradient(a, 1, 1);
            optimizer.step();
            optimizer.freeze("all");
            optimizer.step();
            optimizer.unfreeze("all");
            assertThat(optimizer.group("all").frozen()).isFalse();
            optimizer.step();
            assertThat(optimizer.state("a", "momentum_buffer").toArray())
                    .containsExactly(1.5f, 1.5f); // 0.5·1 + 1
            assertThat(optimizer.report().step()).isEqualTo(3);
            assertThat(optimizer.report().counts()).containsExactly(entry("a", 2L));
        }
    }

    @Test
    void hyperParametersChangeBetweenSteps() {
        try (var optimizer =
                sgd(0.5).group("a", List.of(a), rule -> rule.withMomentum(0.5))
                        .group("b", List.of(b))
                        .build()) {
            gradient(a, 1, 1);
            gradient(b, 1, 1);
            optimizer.step(); // a: b = 1, p = 0.5; b: p = 0.5
            optimizer.learningRate("a", 0.25);
            optimizer.step(); // b = 1.5, p = 0.5 − 0.25·1.5
            assertThat(values(a)[0]).isEqualTo(0.125f);
            assertThat(values(b)[0]).isZero(); // 0.5 still
            optimizer.rule("a", SGD.withLearningRate(1).withMomentum(0.25));
            optimizer.step(); // b = 0.25·1.5 + 1 = 1.375
            assertThat(values(a)[0]).isEqualTo(0.125f - 1.375f);
            assertThat(optimizer.group("a").rule())
                    .isEqualTo(SGD.withLearningRate(1).withMomentum(0.25));
        }
    }

    @Test
    void theScheduleMultipliesEveryGroupsLearningRate() {
        gradient(a, 1, 1);
        gradient(b, 1, 1);
        try (var optimizer =
                sgd(1).group("a", List.of(a))
                        .group("b", List.of(b), SGD.withLearningRate(0.5))
                        .schedule(Schedule.step(1, 0.5))
                        .build()) {
            optimizer.step();
            assertThat(values(a)).containsExactly(0, 1);
            assertThat(values(b)).containsExactly(0.5f, 1.5f);
            optimizer.step();
            assertThat(values(a)).containsExactly(-0.5f, 0.5f);
            assertThat(values(b)).containsExactly(0.25f, 1.25f);
            optimizer.learningRate("a", 4);
            optimizer.step(); // 4·0.25
            assertThat(values(a)).containsExactly(-1.5f, -0.5f);
        }
    }

    @Test
    void anotherRuleIsRefusedAndChangesNothing() {
        try (var optimizer = sgd(0.5).group("all", List.of(a)).build()) {
            var before = Snapshot.of(optimizer);
            assertThatThrownBy(() -> optimizer.rule("all", Lion.defaults()))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageStartingWith("group 'all': rule SGD[learningRate=0.5")
                    .hasMessageContaining(" with states [] cannot become Lion[")
                    .hasMessageContaining(" with states [exp_avg]")
                    .hasMessageEndingWith(
                            "; hyper-parameters may change, the rule and its states may not");
            assertThat(Snapshot.of(optimizer)).isEqualTo(before);
        }
    }

    @Test
    void momentumCannotComeLater() {
        try (var optimizer = sgd(0.5).group("all", List.of(a)).build()) {
            var before = Snapshot.of(optimizer);
            assertThatThrownBy(
                            () ->
                                    optimizer.rule(
                                            "all", SGD.withLearningRate(0.5).withMomentum(0.9)))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining(" with states [momentum_buffer]");
            assertThat(Snapshot.of(optimizer)).isEqualTo(before);
        }
    }

    @Test
    void aBadLearningRateIsRefusedAndChangesNothing() {
        try (var optimizer = sgd(0.5).group("all", List.of(a)).build()) {
            var before = Snapshot.of(optimizer);
            assertThatThrownBy(() -> optimizer.learningRate("all", Double.NaN))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessage("SGD: learningRate must be in [0, 2^100], but is NaN");
            assertThat(Snapshot.of(optimizer)).isEqualTo(before);
        }
    }

    @Test
    void anUnknownGroupIsAnsweredWithTheKnownOnes() {
        try (var optimizer =
                sgd(0.5).group("first", List.of(a)).group("second", List.of(b)).build()) {
            var message = "there is no group 'third'; the groups are first, second";
            assertThatThrownBy(() -> optimizer.group("third")).hasMessage(message);
            assertThatThrownBy(() -> optimizer.freeze("third")).hasMessage(message);
            assertThatThrownBy(() -> optimizer.unfreeze("third")).hasMessage(message);
            assertThatThrownBy(() -> optimizer.learningRate("third", 1)).hasMessage(message);
            assertThatThrownBy(() -> optimizer.rule("third", SGD.defaults()))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessage(message);
        }
    }

    @Test
    void aBuilderCanBuildTwice() {
        var builder = sgd(0.5).group("all", List.of(a));
        gradient(a, 1, 1);
        try (var first = builder.build();
                var second = builder.build()) {
            first.step();
            second.step();
            assertThat(values(a)).containsExactly(0, 1);
            assertThat(first.report().step()).isEqualTo(1);
        }
    }
}
