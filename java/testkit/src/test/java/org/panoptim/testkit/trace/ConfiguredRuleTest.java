package org.panoptim.testkit.trace;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;

import org.junit.jupiter.api.Test;
import org.panoptim.backend.Backend;
import org.panoptim.parameter.Parameter;
import org.panoptim.rule.Cautious;
import org.panoptim.rule.Lion;
import org.panoptim.rule.SGD;
import org.panoptim.tensor.Shape;

import java.lang.foreign.Arena;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

class ConfiguredRuleTest {

    private static final ConfiguredRule SGD_ALONE = new ConfiguredRule(SGD.withLearningRate(1));

    @Test
    void settingsAreTheRulesOrGoWithAnyRule() {
        var configured = SGD_ALONE.with(Map.of("momentum", "0.5", "clip_norm", "2"));

        assertThat(configured.rule()).isEqualTo(SGD.withLearningRate(1).withMomentum(0.5));
        assertThat(configured.options().settings()).isEqualTo(Map.of("clip_norm", "2"));
        assertThat(configured.options().averages()).isFalse();
        assertThat(configured.with(Map.of("ema_decay", "0.9")).options())
                .isEqualTo(new TraceOptions(ordered("clip_norm", "2", "ema_decay", "0.9")));
    }

    private static LinkedHashMap<String, String> ordered(String... pairs) {
        var map = new LinkedHashMap<String, String>();
        for (int i = 0; i < pairs.length; i += 2) {
            map.put(pairs[i], pairs[i + 1]);
        }
        return map;
    }

    @Test
    void allSettingsAreListedTheRulesFirst() {
        assertThat(
                        new ConfiguredRule(Lion.withLearningRate(1))
                                .with(Map.of("ema_decay", "0.9"))
                                .settings())
                .containsExactly(
                        Map.entry("lr", "1.0"),
                        Map.entry("beta1", "0.9"),
                        Map.entry("beta2", "0.99"),
                        Map.entry("weight_decay", "0.0"),
                        Map.entry("ema_decay", "0.9"));
    }

    @Test
    void anAverageIsWantedOnlyWithItsDecay() {
        assertThat(TraceOptions.NONE.averages()).isFalse();
        assertThat(SGD_ALONE.with(Map.of("ema_decay", "0.5")).options().averages()).isTrue();
    }

    @Test
    void whatIsNoSettingIsRefusedWithThoseThereAre() {
        assertRefused(
                Map.of("betta", "1"),
                "sgd has no setting betta; it has lr, momentum, dampening, weight_decay, nesterov,"
                    + " maximize, and every rule centralize, agc, clip_norm, clip_value, ema_decay,"
                    + " hypergradient, cautious, cautious_weight_decay, lookahead_alpha,"
                    + " lookahead_k");
    }

    @Test
    void valuesAreCheckedAtOnce() {
        assertRefused(
                Map.of("lr", "fast"), "sgd: lr must be a number, in [0, 2^100], but is 'fast'");
        assertRefused(Map.of("clip_norm", "tight"), "clip_norm: must be a number, but is 'tight'");
        assertRefused(
                Map.of("clip_norm", "0"),
                "clip_norm: clipGlobalNorm: norm must be finite and above 0, but is 0.0");
        assertRefused(
                Map.of("ema_decay", "1.5"),
                "ema_decay: averaging: the decay must be in [0, 1], but is 1.5");
        assertRefused(
                Map.of("lookahead_k", "0"),
                "lookahead_k: lookahead: k must be at least 1, but is 0");
        assertRefused(
                Map.of("cautious", "yes"),
                "cautious: cautious: update must be true or false, but is 'yes'");
    }

    private static void assertRefused(Map<String, String> settings, String message) {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> SGD_ALONE.with(settings))
                .withMessage(message);
    }

    @Test
    void companionsGoWithTheRule() {
        var configured =
                SGD_ALONE.with(
                        Map.of("lookahead_k", "3", "cautious", "true", "hypergradient", "1e-4"));
        var p = Parameter.of("p", Shape.of(1), Arena.ofAuto().allocateFrom(JAVA_FLOAT, 1f));
        try (var backend = Backend.named("reference");
                var optimizer =
                        configured.optimizer().group("all", List.of(p)).backend(backend).build()) {
            assertThat(optimizer.state("p", "cached_params").toArray()).containsExactly(1);
            assertThat(optimizer.ruleState("all", "rate_factor").value()).isEqualTo(1);
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> optimizer.run(Cautious.COMPLETE))
                    .withMessageContaining("completes every step");
        }
    }

    @Test
    void namesAreListed() {
        assertThat(TraceOptions.names())
                .containsExactly(
                        "centralize",
                        "agc",
                        "clip_norm",
                        "clip_value",
                        "ema_decay",
                        "hypergradient",
                        "cautious",
                        "cautious_weight_decay",
                        "lookahead_alpha",
                        "lookahead_k");
    }
}
