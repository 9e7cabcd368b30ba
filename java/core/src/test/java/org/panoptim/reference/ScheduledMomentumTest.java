package org.panoptim.reference;

import static org.assertj.core.api.Assertions.assertThat;
import static org.panoptim.parameter.Tensors.curvature;
import static org.panoptim.parameter.Tensors.fitting;
import static org.panoptim.parameter.Tensors.gradient;
import static org.panoptim.parameter.Tensors.values;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.panoptim.parameter.ParameterGroup;
import org.panoptim.rule.PhaseSpan;
import org.panoptim.rule.Rules;
import org.panoptim.rule.UpdateRule;
import org.panoptim.spi.HostStates;
import org.panoptim.spi.Shares;

import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * Plans refuse a schedule's momentum for rules that say they have none; here is what they do with
 * it.
 */
class ScheduledMomentumTest {

    private static final int STEPS = 3;

    static Stream<UpdateRule> rules() {
        return Stream.concat(
                Rules.all().stream(),
                Stream.of(Rules.with(Rules.named("sgd"), Map.of("momentum", "0.9"))));
    }

    @ParameterizedTest
    @MethodSource("rules")
    void aRuleSaysThatItTakesAMomentumExactlyIfASchedulesOneChangesItsSteps(UpdateRule rule) {
        boolean changes = !Arrays.equals(valuesAt(rule, 0.25), valuesAt(rule, Double.NaN));

        assertThat(changes).isEqualTo(rule.takesMomentum());
    }

    private static float[] valuesAt(UpdateRule rule, double momentum) {
        var parameter = gradient(fitting(rule, "p", 1, -2, 3, 4), 0, 0, 0, 0);
        // Steps of Sophia that are clipped do not depend on the average.
        curvature(parameter, 1, 100, 1e4f, 1e4f);
        var groups = List.of(new ParameterGroup("all", rule, List.of(parameter)));
        try (var states = new HostStates()) {
            states.addMissing(groups);
            var tensor =
                    new Tensor(
                            parameter,
                            Shares.whole(),
                            states.segments(parameter),
                            Optional.empty());
            var tensors = List.of(new GroupedTensor(tensor, groups.getFirst()));
            for (int step = 1; step <= STEPS; step++) {
                // A step that is a sign shows the average where gradients turn round: Lion's where
                // they are small then, Signum's and Tiger's where they are less so.
                boolean odd = step % 2 == 1;
                gradient(parameter, step, odd ? 1 : -0.05f, 1f / step, odd ? 1 : -0.3f);
                tensor.count = step;
                var scalars = new StepScalars(step, 1, 1, Float.POSITIVE_INFINITY, 1, momentum);
                var update =
                        new PhasedUpdate(
                                groups,
                                tensors,
                                states,
                                scalars,
                                false,
                                0,
                                false,
                                _ -> 1,
                                _ -> 1,
                                PhaseSpan::ofStep,
                                Optional.empty());
                for (int phase = 0; phase < update.phases(); phase++) {
                    update.settle(phase);
                    update.run(phase);
                }
            }
        }
        return values(parameter);
    }
}
