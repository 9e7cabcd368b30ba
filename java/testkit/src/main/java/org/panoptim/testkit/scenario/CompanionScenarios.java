package org.panoptim.testkit.scenario;

import org.panoptim.rule.AdamW;
import org.panoptim.rule.Rules;
import org.panoptim.rule.UpdateRule;
import org.panoptim.step.LossScale;
import org.panoptim.tensor.DType;
import org.panoptim.tensor.Shape;
import org.panoptim.testkit.scenario.Scenario.Settings;

import java.util.List;
import java.util.stream.Stream;

/** Every companion beside AdamW, with its passes before every other step. */
public final class CompanionScenarios {

    private static final List<Shape> SIZES =
            List.of(
                    Shape.of(64),
                    Shape.of(33, 65),
                    Shape.of(),
                    Shape.of(2, 3, 5),
                    Shape.of(0),
                    Shape.of(4097),
                    Shape.of(1, 1025));

    private CompanionScenarios() {}

    /** All of them, by companion in the library's order. */
    public static List<Scenario> all() {
        return Rules.companions().stream().flatMap(CompanionScenarios::of).toList();
    }

    private static Stream<Scenario> of(UpdateRule companion) {
        var rule = AdamW.withLearningRate(0.01).withWeightDecay(0.1);
        var plain = Settings.PLAIN;
        return Stream.of(
                        new ScenarioPlan("clipped, with statistics", rule)
                                .settings(plain.withClipNorm(0.5).measuring()),
                        new ScenarioPlan("bfloat16, copies and averages", rule)
                                .misaligned()
                                .types(
                                        Scenario.Types.of(DType.BF16),
                                        Scenario.Types.of(DType.F32, DType.BF16, DType.F32),
                                        Scenario.Types.of(DType.BF16, DType.F32, DType.BF16))
                                .settings(plain.measuring().zeroing()),
                        new ScenarioPlan("averages, some gradients absent", rule)
                                .types(
                                        Scenario.Types.of(DType.F32, DType.BF16, DType.F32),
                                        Scenario.Types.of(DType.BF16, DType.F32, DType.BF16))
                                .absent((step, tensor) -> (step + tensor) % 3 == 0),
                        new ScenarioPlan("special values, some gradients absent", rule)
                                .numbers(
                                        Values.Kind.SPECIAL,
                                        Values.Kind.SPECIAL,
                                        Values.Kind.SPECIAL)
                                .absent((step, tensor) -> (step + tensor) % 3 == 0),
                        new ScenarioPlan("dynamic loss scale, some overflows", rule)
                                .steps(12)
                                .scale(1000)
                                .bad((step, tensor) -> step % 3 == 2 && tensor == 1)
                                .and(rule.atLearningRate(0.1), SIZES.reversed())
                                .settings(
                                        plain.withLossScale(new LossScale.Dynamic(1024, 2, 0.5, 2))
                                                .measuring()))
                .map(plan -> plan.sizes(SIZES).beside(companion).scenario());
    }
}
