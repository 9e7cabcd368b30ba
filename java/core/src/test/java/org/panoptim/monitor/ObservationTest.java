package org.panoptim.monitor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.entry;
import static org.panoptim.parameter.Tensors.gradient;
import static org.panoptim.parameter.Tensors.vector;

import org.junit.jupiter.api.Test;
import org.panoptim.Optimizer;
import org.panoptim.backend.Backend;
import org.panoptim.rule.LARS;
import org.panoptim.rule.SGD;
import org.panoptim.schedule.Schedule;
import org.panoptim.step.LossScale;
import org.panoptim.step.NonFinitePolicy;

import java.util.LinkedHashMap;
import java.util.List;

class ObservationTest {

    @Test
    void aReportBecomesNumbersByName() {
        var a = gradient(vector("a", 1, 2), 30, 40);
        var b = vector("b", 3);
        try (var backend = Backend.named("reference");
                var optimizer =
                        Optimizer.builder(SGD.withLearningRate(0.5))
                                .group("decay", List.of(a))
                                .group("other", List.of(b), rule -> rule.atLearningRate(2))
                                .schedule(Schedule.step(1, 0.5))
                                .lossScale(LossScale.fixed(2))
                                .nonFinite(NonFinitePolicy.SKIP)
                                .statistics(true)
                                .clipGlobalNorm(5)
                                .backend(backend)
                                .build()) {
            optimizer.step();
            optimizer.step();
            gradient(a, Float.POSITIVE_INFINITY, 0);
            optimizer.step();
            var observation = Observation.of(optimizer.report());
            assertThat(observation.step()).isEqualTo(2);
            assertThat(observation.values())
                    .containsExactly(
                            entry("accepted", 0.0),
                            entry("skipped", 1.0),
                            entry("loss_scale", 2.0),
                            entry("learning_rate/decay", 0.125),
                            entry("learning_rate/other", 0.5),
                            entry("gradient_norm", Double.POSITIVE_INFINITY),
                            entry("update_norm", 0.0),
                            entry("clip_coefficient", 0.0),
                            entry("gradient_norm/decay", Double.POSITIVE_INFINITY),
                            entry("value_norm/decay", Double.NaN),
                            entry("update_norm/decay", Double.NaN),
                            entry("update_ratio/decay", Double.NaN),
                            entry("effective_learning_rate/decay", Double.NaN),
                            entry("held_share/decay", Double.NaN),
                            entry("gradient_norm/other", Double.NaN),
                            entry("value_norm/other", Double.NaN),
                            entry("update_norm/other", Double.NaN),
                            entry("update_ratio/other", Double.NaN),
                            entry("effective_learning_rate/other", Double.NaN),
                            entry("held_share/other", Double.NaN));
        }
    }

    @Test
    void parametersAreNumbersTooWhereTheyAreAskedFor() {
        var a = gradient(vector("a", 12), 4);
        var rule = new LARS(1, 0, 0, 0.25, 0, 0.5, false, false, false);
        try (var backend = Backend.named("reference");
                var optimizer =
                        Optimizer.builder(rule)
                                .group("all", List.of(a))
                                .statistics(true)
                                .backend(backend)
                                .build()) {
            optimizer.step();
            var observed = Observation.of(optimizer.report()).values();
            var detailed = Observation.ofParameters(optimizer.report()).values();
            assertThat(detailed).containsAllEntriesOf(observed);
            detailed = new LinkedHashMap<>(detailed);
            detailed.keySet().removeAll(observed.keySet());
            assertThat(detailed.keySet())
                    .containsExactly(
                            "parameter_gradient_norm/a",
                            "parameter_value_norm/a",
                            "parameter_update_norm/a",
                            "parameter_update_ratio/a",
                            "parameter_effective_learning_rate/a",
                            "parameter_held_share/a",
                            "parameter_trust_ratio/a");
            assertThat(detailed)
                    .containsEntry("parameter_gradient_norm/a", 4.0)
                    // 0.25 * 12 / (4 + 0.5 * 12), times 4 + 0.5 * 12
                    .containsEntry("parameter_trust_ratio/a", 0.3)
                    .containsEntry("parameter_update_norm/a", 3.0)
                    .containsEntry("parameter_value_norm/a", 9.0)
                    .containsEntry("parameter_update_ratio/a", 3.0 / 9)
                    .containsEntry("parameter_effective_learning_rate/a", 0.75)
                    .containsEntry("parameter_held_share/a", 0.0);
        }
    }

    @Test
    void whatWasNotMeasuredIsNotThere() {
        var a = gradient(vector("a", 1, 2), 3, 4);
        try (var backend = Backend.named("reference");
                var optimizer =
                        Optimizer.builder(SGD.withLearningRate(0.5))
                                .group("all", List.of(a))
                                .backend(backend)
                                .build()) {
            optimizer.step();
            assertThat(Observation.of(optimizer.report()).values())
                    .containsExactly(
                            entry("accepted", 1.0),
                            entry("skipped", 0.0),
                            entry("loss_scale", 1.0),
                            entry("learning_rate/all", 0.5),
                            entry("clip_coefficient", 1.0));
        }
    }

    @Test
    void numbersOfOnesOwnComeLastOrInThePlaceOfOthers() {
        var first = new Observation(7, new LinkedHashMap<>()).with("a", 1).with("b", 2);
        var second = first.with("loss", Double.NaN).with("a", 3);
        assertThat(second.step()).isEqualTo(7);
        assertThat(second.values())
                .containsExactly(entry("a", 3.0), entry("b", 2.0), entry("loss", Double.NaN));
        assertThat(first.values()).containsExactly(entry("a", 1.0), entry("b", 2.0));
    }

    @Test
    void itIsASnapshot() {
        var values = new LinkedHashMap<String, Double>();
        values.put("a", 1.0);
        var observation = new Observation(1, values);
        values.put("b", 2.0);
        assertThat(observation.values()).containsExactly(entry("a", 1.0));
        assertThatThrownBy(() -> observation.values().clear())
                .isInstanceOf(UnsupportedOperationException.class);
    }

    @Test
    void namesThatWouldBreakAFileAreRefused() {
        var observation = new Observation(1, new LinkedHashMap<>());
        assertThatThrownBy(() -> observation.with("", 1))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("the name of a value must not be empty");
        assertThatThrownBy(() -> observation.with("step", 1))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("no value can be named 'step': that is the observation's own number");
        assertThatThrownBy(() -> observation.with("a\nb", 1))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("the name 'a?b' of a value has U+000A at index 1, which is no text");
        assertThatThrownBy(() -> observation.with("😀\ud800", 1))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("the name '😀?' of a value has U+D800 at index 2, which is no text");
    }

    @Test
    void aStepIsNotNegative() {
        assertThatThrownBy(() -> new Observation(-1, new LinkedHashMap<>()))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("the step must be at least 0, but is -1");
    }
}
