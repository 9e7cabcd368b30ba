package org.panoptim.simd;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.panoptim.abi.KernelRegistry;
import org.panoptim.internal.lbfgs.VectorRule;
import org.panoptim.rule.AdamW;
import org.panoptim.rule.ElementUpdate;
import org.panoptim.rule.Pass;
import org.panoptim.rule.Preparation;
import org.panoptim.rule.Reduction;
import org.panoptim.rule.RuleSetting;
import org.panoptim.rule.Rules;
import org.panoptim.rule.Slot;
import org.panoptim.rule.StableAdamW;
import org.panoptim.rule.UpdateRule;
import org.panoptim.spi.UnsupportedPlanException;
import org.panoptim.tensor.Shape;

import java.lang.foreign.Arena;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.stream.Stream;

/** The library's registry of rules and Java's rules are the same list, down to the scalars. */
class RegistryTest {

    /** Without dimensions and with two, of which kernels may depend. */
    private static final List<Shape> SHAPES = List.of(Shape.of(), Shape.of(2, 3));

    @BeforeAll
    static void loadTheLibrary() {
        assertThat(SimdBackend.usableTiers()).isNotEmpty();
    }

    /** Every rule of the library, with switches on and off, and numbers at 0 and above. */
    static Stream<UpdateRule> variants() {
        return Stream.of(Rules.all(), Rules.companions(), VectorRule.all())
                .flatMap(List::stream)
                .flatMap(RegistryTest::variantsOf);
    }

    /** One rule for each kernel. */
    private static Stream<UpdateRule> variantsOf(UpdateRule rule) {
        var variants = new LinkedHashMap<String, UpdateRule>();
        for (var each : combinations(rule)) {
            variants.putIfAbsent(each.kernelName(), each);
        }
        return variants.values().stream();
    }

    private static List<UpdateRule> combinations(UpdateRule rule) {
        var all = new ArrayList<UpdateRule>(List.of(rule));
        for (var setting : rule.descriptor().settings()) {
            var values =
                    switch (setting.range()) {
                        case FLAG -> List.<Object>of(true, false);
                        case DECAY -> List.<Object>of(0.0, 0.9);
                        default -> List.of();
                    };
            for (var each : List.copyOf(all)) {
                for (var value : values) {
                    try {
                        all.add(each.descriptor().with(each, setting.name(), value));
                    } catch (IllegalArgumentException _) {
                        // Not with the others.
                    }
                }
            }
        }
        return all.stream().map(UpdateRule.class::cast).distinct().toList();
    }

    @Test
    void everyVariantOfARuleHasAKernelAndEveryKernelARule() {
        assertThat(SimdBackend.describedRules().stream().map(KernelRegistry::name))
                .containsExactlyInAnyOrderElementsOf(
                        variants()
                                .flatMap(
                                        rule ->
                                                SHAPES.stream()
                                                        .map(shape -> rule.kernelName(shape)))
                                .distinct()
                                .toList());
    }

    @ParameterizedTest
    @MethodSource("variants")
    void theLibraryDescribesTheRuleAsJavaDoes(UpdateRule rule) {
        for (var shape : SHAPES) {
            var kernel = SimdBackend.registry().kernel(rule, shape);
            assertThat(kernel.name()).isEqualTo(rule.kernelName(shape));
            assertThat(kernel.phases()).isEqualTo(rule.phases());
            assertThat(kernel.passPhases())
                    .isEqualTo(rule.passes().stream().mapToInt(Pass::phases).sum());
            assertThat(kernel.curvature()).isEqualTo(rule.takesCurvature());
            assertThat(kernel.states().values().stream().flatMap(List::stream))
                    .containsExactlyElementsOf(rule.slots(shape).stream().map(Slot::name).toList());
            for (int phase = 0; phase < rule.phases(); phase++) {
                int number = phase;
                assertThat(kernel.sumsOverLines(phase))
                        .isEqualTo(
                                rule.reductions(shape).stream()
                                        .anyMatch(
                                                reduction ->
                                                        reduction.phase() == number
                                                                && reduction.scope().isOfLines()));
            }
        }
    }

    /** Of other sums, or of another phase, than those that Java knows. */
    @Test
    void aRuleWithOtherSumsThanItsKernelIsRefused() {
        assertThatThrownBy(() -> SimdBackend.registry().kernel(new Summing(1)))
                .isInstanceOf(UnsupportedPlanException.class)
                .hasMessageContaining("reductions [all0]")
                .hasMessageContaining("reductions [tensor0]");
    }

    /** StableAdamW but for the scope of what it sums. */
    public record Summing(double learningRate) implements UpdateRule {

        @Override
        public String name() {
            return "summing";
        }

        @Override
        public String kernelName() {
            return "stable_adamw";
        }

        @Override
        public Summing atLearningRate(double value) {
            return new Summing(value);
        }

        @Override
        public List<Slot> slots() {
            return StableAdamW.defaults().slots();
        }

        @Override
        public int phases() {
            return 2;
        }

        @Override
        public List<Reduction> reductions() {
            return List.of(new Reduction("squares", Reduction.Scope.ALL));
        }

        @Override
        public ElementUpdate prepare(int phase, Preparation preparation) {
            return _ -> {};
        }
    }

    @ParameterizedTest
    @MethodSource("variants")
    void everyHyperParameterIsAskedForByName(UpdateRule rule) {
        assertThat(SimdBackend.registry().kernel(rule).hyper())
                .containsExactlyInAnyOrderElementsOf(
                        rule.descriptor().settings().stream()
                                .map(RuleSetting::kernelName)
                                .toList());
    }

    @Test
    void everyHyperParameterLandsInTheMemberOfItsName() {
        var rule = new AdamW(0.5, 0.25, 0.125, 2, 3, true, false);
        try (var arena = Arena.ofConfined()) {
            var registry = SimdBackend.registry();
            var kernel = registry.kernel(rule);
            var hyper = arena.allocate(kernel.hyperBytes(), 8);
            registry.writeHyper(kernel, rule, hyper);
            assertThat(hyper.toArray(ValueLayout.JAVA_DOUBLE))
                    .containsExactly(0.5, 0.25, 0.125, 2, 3, 1, 0);
        }
    }
}
