package org.panoptim.simd;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.panoptim.abi.bindings.panoptim_adamw_hyper;
import org.panoptim.abi.bindings.panoptim_rule_info;
import org.panoptim.rule.AdamW;
import org.panoptim.rule.PhasedRule;
import org.panoptim.rule.Rules;
import org.panoptim.rule.UpdateRule;
import org.panoptim.simd.bindings.LibPanoptim;

import java.lang.foreign.Arena;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.StructLayout;
import java.lang.foreign.ValueLayout;
import java.lang.reflect.RecordComponent;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;

/** The library's registry of rules and Java's rules are the same list, down to the scalars. */
class RegistryTest {

    /** Chosen by the kernel's name in the library, and no scalar there. */
    private static final String AMSGRAD = "amsgrad";

    private static final String RESERVED = "reserved";

    @BeforeAll
    static void loadTheLibrary() {
        assertThat(SimdBackend.usableTiers()).isNotEmpty();
    }

    /** Every rule of the library, with each switch on and off, and with momentum. */
    static Stream<PhasedRule> variants() {
        return Rules.all().stream().flatMap(RegistryTest::variantsOf);
    }

    private static Stream<PhasedRule> variantsOf(UpdateRule rule) {
        var variants = new ArrayList<UpdateRule>(List.of(rule));
        Rules.settings(rule)
                .forEach(
                        (key, value) -> {
                            if (key.equals("momentum")) {
                                variants.add(Rules.with(rule, Map.of(key, "0.9")));
                            } else if (value.equals("false") && !key.equals("nesterov")) {
                                variants.add(Rules.with(rule, Map.of(key, "true")));
                            }
                        });
        return variants.stream().map(PhasedRule.class::cast);
    }

    @Test
    void everyVariantOfARuleHasAKernelAndEveryKernelARule() {
        assertThat(kernels().keySet())
                .containsExactlyInAnyOrderElementsOf(
                        variants().map(PhasedRule::kernel).distinct().toList());
    }

    @ParameterizedTest
    @MethodSource("variants")
    void theLibraryDescribesTheRuleAsJavaDoes(PhasedRule rule) {
        try (var arena = Arena.ofConfined()) {
            var info = panoptim_rule_info.allocate(arena);
            int index = kernels().get(rule.kernel());
            assertThat(LibPanoptim.panoptim_rule_describe(index, info)).isZero();
            assertThat(panoptim_rule_info.slots(info)).isEqualTo(rule.slots().size());
            assertThat(panoptim_rule_info.phases(info)).isEqualTo(rule.phases());
            assertThat(panoptim_rule_info.reductions(info)).isEqualTo(rule.reductions().size());
            assertThat(panoptim_rule_info.curvature(info) != 0).isEqualTo(rule.takesCurvature());
            assertThat((long) panoptim_rule_info.hyper_bytes(info))
                    .isEqualTo(struct(rule, "hyper").byteSize());
            assertThat((long) panoptim_rule_info.scalar_bytes(info))
                    .isEqualTo(struct(rule, "scalars").byteSize());
        }
    }

    @ParameterizedTest
    @MethodSource("variants")
    void hyperParametersHaveTheSameNamesAndOrder(PhasedRule rule) {
        var java = new ArrayList<String>();
        var types = new ArrayList<Boolean>();
        for (var component : rule.getClass().getRecordComponents()) {
            java.add(snake(component.getName()));
            types.add(component.getType() == double.class);
        }
        var members = members(struct(rule, "hyper"));
        assertThat(members.keySet()).containsExactlyElementsOf(java);
        assertThat(members.values().stream().map(ValueLayout.OfDouble.class::isInstance))
                .containsExactlyElementsOf(types);
    }

    /** So that no scalar is ever taken for another. */
    @ParameterizedTest
    @MethodSource("variants")
    void scalarsHaveTheSameNamesAndOrder(PhasedRule rule) throws ReflectiveOperationException {
        var scalars = Class.forName(rule.getClass().getName() + "$Scalars");
        var members = members(struct(rule, "scalars"));
        var flat = flattened(scalars).toList();
        assertThat(flat.stream().map(component -> snake(component.getName())))
                .containsExactlyElementsOf(members.keySet());
        assertThat(flat.stream().map(component -> component.getType() == float.class))
                .containsExactlyElementsOf(
                        members.values().stream()
                                .map(ValueLayout.OfFloat.class::isInstance)
                                .toList());
    }

    private static Stream<RecordComponent> flattened(Class<?> type) {
        return Arrays.stream(type.getRecordComponents())
                .filter(component -> !component.getName().equals(AMSGRAD))
                .flatMap(
                        component ->
                                component.getType().isRecord()
                                        ? flattened(component.getType())
                                        : Stream.of(component));
    }

    @Test
    void everyHyperParameterLandsInTheMemberOfItsName() {
        var rule = new AdamW(0.5, 0.25, 0.125, 2, 3, true, false);
        try (var arena = Arena.ofConfined()) {
            var hyper = panoptim_adamw_hyper.allocate(arena).fill((byte) 0x7f);
            SimdBackend.registry(Map.of()).writeHyper(rule, hyper);
            assertThat(panoptim_adamw_hyper.learning_rate(hyper)).isEqualTo(0.5);
            assertThat(panoptim_adamw_hyper.beta1(hyper)).isEqualTo(0.25);
            assertThat(panoptim_adamw_hyper.beta2(hyper)).isEqualTo(0.125);
            assertThat(panoptim_adamw_hyper.epsilon(hyper)).isEqualTo(2);
            assertThat(panoptim_adamw_hyper.weight_decay(hyper)).isEqualTo(3);
            assertThat(panoptim_adamw_hyper.amsgrad(hyper)).isEqualTo(1);
            assertThat(panoptim_adamw_hyper.maximize(hyper)).isZero();
        }
    }

    private static Map<String, Integer> kernels() {
        var kernels = new TreeMap<String, Integer>();
        for (int index = 0; index < LibPanoptim.panoptim_rule_count(); index++) {
            kernels.put(LibPanoptim.panoptim_rule_name(index).getString(0), index);
        }
        return kernels;
    }

    /** The structure of a rule, whatever its variant. */
    private static StructLayout struct(PhasedRule rule, String kind) {
        return BindingsTest.layout("panoptim_" + rule.name().replace('-', '_') + "_" + kind);
    }

    private static Map<String, MemoryLayout> members(StructLayout struct) {
        var members = new LinkedHashMap<String, MemoryLayout>();
        for (var member : struct.memberLayouts()) {
            member.name()
                    .filter(name -> !name.equals(RESERVED))
                    .ifPresent(name -> members.put(name, member));
        }
        return members;
    }

    private static String snake(String name) {
        return name.replaceAll("([A-Z])", "_$1").toLowerCase(Locale.ROOT);
    }
}
