package org.panoptim.rule;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.data.Percentage.withPercentage;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;

/**
 * What descriptors say of averages that are corrected for their beginning, seen from outside: with
 * gradients that stay the same, such an average is the gradient from the first step on, however
 * slow it is, so that its decay changes nothing.
 */
class CorrectedDecayTest {

    private static final int STEPS = 3;

    /** What becomes of an average that begins at zero and is not corrected differs by far more. */
    private static final double PERCENT = 1;

    /**
     * Corrected ones that show from the second step on: SWATS goes over to SGD then, and Yogi's
     * second average goes towards the square by steps of its own.
     */
    private static final Set<String> SOON_SEEN = Set.of("swats beta1", "swats beta2", "yogi beta2");

    /** Averages of which a rule takes the sign or the direction, or clips them. */
    private static final Set<String> BOUNDED =
            Set.of(
                    "lion beta1",
                    "lion beta2",
                    "muon momentum",
                    "signum momentum",
                    "tiger beta",
                    "sophia-h beta1",
                    "sophia-h beta2");

    /** Averages that are set to what comes first or is largest. */
    private static final Set<String> SET_AT_ONCE =
            Set.of("adopt beta2", "novograd beta2", "adamax beta2");

    /** Averages that are corrected by another count than the parameter's. */
    private static final Set<String> BY_ANOTHER_COUNT = Set.of("schedule-free-adamw beta2");

    private record Decay(UpdateRule rule, RuleSetting setting) {

        float[] after(int steps, double value) {
            var changed = Rules.with(rule, Map.of(setting.name(), Double.toString(value)));
            try (var trial = new Trial(changed, 0, 0)) {
                for (int step = 0; step < steps; step++) {
                    if (rule.takesCurvature()) {
                        trial.step(new float[] {3, -0.5f}, new float[] {1, 1});
                    } else {
                        trial.step(3, -0.5f);
                    }
                }
                return trial.value();
            }
        }

        @Override
        public String toString() {
            return rule.name() + " " + setting.name();
        }
    }

    private static Stream<Decay> decays() {
        return Rules.all().stream()
                .flatMap(
                        rule ->
                                rule.descriptor().settings().stream()
                                        .filter(each -> each.range() == RuleSetting.Range.DECAY)
                                        .map(setting -> new Decay(rule, setting)));
    }

    static Stream<Decay> corrected() {
        return decays().filter(decay -> decay.setting.corrected());
    }

    static Stream<Decay> notCorrected() {
        return decays().filter(decay -> !decay.setting.corrected())
                .filter(
                        decay ->
                                Stream.of(BOUNDED, SET_AT_ONCE, BY_ANOTHER_COUNT)
                                        .noneMatch(each -> each.contains(decay.toString())));
    }

    @ParameterizedTest
    @MethodSource("corrected")
    void theDecayOfACorrectedAverageDoesNotShow(Decay decay) {
        int steps = SOON_SEEN.contains(decay.toString()) ? 1 : STEPS;
        var slow = decay.after(steps, 0.75);
        var fast = decay.after(steps, 0.5);
        for (int i = 0; i < slow.length; i++) {
            assertThat(slow[i]).isNotZero().isCloseTo(fast[i], withPercentage(PERCENT));
        }
    }

    @ParameterizedTest
    @MethodSource("notCorrected")
    void theDecayOfAnyOtherAverageShows(Decay decay) {
        var slow = decay.after(STEPS, 0.75);
        var fast = decay.after(STEPS, 0.5);
        for (int i = 0; i < slow.length; i++) {
            assertThat(slow[i]).isNotCloseTo(fast[i], withPercentage(PERCENT));
        }
    }
}
