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
import java.util.Map;
import java.util.OptionalDouble;

class ObservationTest {

    private static Map.Entry<String, OptionalDouble> number(String name, double value) {
        return entry(name, OptionalDouble.of(value));
    }

    private static Map.Entry<String, OptionalDouble> none(String name) {
        return entry(name, OptionalDouble.empty());
    }

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
                            number("accepted", 0.0),
                            number("skipped", 1.0),
                            number("loss_scale", 2.0),
                            number("learning_rate/decay", 0.125),
                            number("learning_rate/other", 0.5),
                            number("gradient_norm", Double.POSITIVE_INFINITY),
                            none("update_norm"),
                            number("clip_coefficient", 0.0),
                            number("gradient_norm/decay", Double.POSITIVE_INFINITY),
                            none("value_norm/decay"),
                            none("update_norm/decay"),
                            none("update_ratio/decay"),
                            none("effective_learning_rate/decay"),
                            none("held_share/decay"),
                            none("gradient_norm/other"),
                            none("value_norm/other"),
                            none("update_norm/other"),
                            none("update_ratio/other"),
                            none("effective_learning_rate/other"),
                            none("held_share/other"));
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
                    .contains(number("parameter_gradient_norm/a", 4.0))
                    // 0.25 * 12 / (4 + 0.5 * 12), times 4 + 0.5 * 12
                    .contains(number("parameter_trust_ratio/a", 0.3))
                    .contains(number("parameter_update_norm/a", 3.0))
                    .contains(number("parameter_value_norm/a", 9.0))
                    .contains(number("parameter_update_ratio/a", 3.0 / 9))
                    .contains(number("parameter_effective_learning_rate/a", 0.75))
                    .contains(number("parameter_held_share/a", 0.0));
        }
    }

    @Test
    void whatWasNotMeasuredIsNamedAndEmpty() {
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
                            number("accepted", 1),
                            number("skipped", 0),
                            number("loss_scale", 1),
                            number("learning_rate/all", 0.5),
                            none("gradient_norm"),
                            none("update_norm"),
                            number("clip_coefficient", 1));
        }
    }

    @Test
    void numbersOfOnesOwnComeLastOrInThePlaceOfOthers() {
        var first = new Observation(7).with("a", 1).with("b", 2);
        var second = first.with("loss", Double.NaN).with("a", 3);
        assertThat(second.step()).isEqualTo(7);
        assertThat(second.values())
                .containsExactly(number("a", 3), number("b", 2), number("loss", Double.NaN));
        assertThat(first.values()).containsExactly(number("a", 1), number("b", 2));
    }

    @Test
    void severalOptimizersAreToldApartInOneLine() {
        var encoder = new Observation(7).with("loss", 1).with("learning_rate/all", 2);
        var decoder = new Observation(9).with("loss", 3);
        var both = encoder.under("encoder").with(decoder.under("decoder"));
        assertThat(both.step()).isEqualTo(7);
        assertThat(both.values())
                .containsExactly(
                        number("encoder/loss", 1),
                        number("encoder/learning_rate/all", 2),
                        number("decoder/loss", 3));
        assertThatThrownBy(() -> encoder.under("a\n"))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageStartingWith("the name 'a?/loss' of a value has U+000A");
    }

    @Test
    void itIsASnapshot() {
        var values = new LinkedHashMap<String, OptionalDouble>();
        values.put("a", OptionalDouble.of(1));
        var observation = new Observation(1, values);
        values.put("b", OptionalDouble.of(2));
        assertThat(observation.values()).containsExactly(number("a", 1));
        assertThatThrownBy(() -> observation.values().clear())
                .isInstanceOf(UnsupportedOperationException.class);
    }

    @Test
    void namesThatWouldBreakAFileAreRefused() {
        var observation = new Observation(1);
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
        assertThatThrownBy(() -> new Observation(-1))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("the step must be at least 0, but is -1");
    }
}
