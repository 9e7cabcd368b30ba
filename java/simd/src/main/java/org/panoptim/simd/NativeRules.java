package org.panoptim.simd;

import org.panoptim.UnsupportedPlanException;
import org.panoptim.rule.MatrixRule;
import org.panoptim.rule.PhasedRule;
import org.panoptim.rule.UpdateRule;
import org.panoptim.simd.bindings.LibPanoptim;
import org.panoptim.simd.bindings.panoptim_adam_hyper;
import org.panoptim.simd.bindings.panoptim_adamw_hyper;
import org.panoptim.simd.bindings.panoptim_lion_hyper;
import org.panoptim.simd.bindings.panoptim_rule_info;
import org.panoptim.simd.bindings.panoptim_sgd_hyper;
import org.panoptim.simd.bindings.panoptim_sophia_g_hyper;
import org.panoptim.simd.bindings.panoptim_sophia_h_hyper;

import java.lang.foreign.Arena;
import java.lang.foreign.StructLayout;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;

/** The kernels that the loaded library has, by name. */
final class NativeRules {

    private static final Map<String, StructLayout> HYPER =
            Map.ofEntries(
                    entry("sgd", panoptim_sgd_hyper.layout()),
                    entry("sgd_momentum", panoptim_sgd_hyper.layout()),
                    entry("adam", panoptim_adam_hyper.layout()),
                    entry("adam_amsgrad", panoptim_adam_hyper.layout()),
                    entry("adamw", panoptim_adamw_hyper.layout()),
                    entry("adamw_amsgrad", panoptim_adamw_hyper.layout()),
                    entry("lion", panoptim_lion_hyper.layout()),
                    entry("sophia_g", panoptim_sophia_g_hyper.layout()),
                    entry("sophia_h", panoptim_sophia_h_hyper.layout()));

    private final Map<String, Kernel> kernels;

    private NativeRules(Map<String, Kernel> kernels) {
        this.kernels = kernels;
    }

    /**
     * A rule of the library's registry.
     *
     * @param index its place there
     * @param hyper the structure of its hyper-parameters
     */
    record Kernel(
            int index,
            int slots,
            int phases,
            int reductions,
            boolean curvature,
            StructLayout hyper) {}

    private static Map.Entry<String, StructLayout> entry(
            String kernel, java.lang.foreign.GroupLayout layout) {
        return Map.entry(kernel, (StructLayout) layout);
    }

    /**
     * Asks the library for its registry.
     *
     * @param own structures for kernels that the bindings do not know
     * @throws IllegalStateException if a structure's size is not the library's
     */
    static NativeRules read(Map<String, StructLayout> own) {
        var kernels = new LinkedHashMap<String, Kernel>();
        try (var arena = Arena.ofConfined()) {
            var info = panoptim_rule_info.allocate(arena);
            for (int index = 0; index < LibPanoptim.panoptim_rule_count(); index++) {
                var name = LibPanoptim.panoptim_rule_name(index).getString(0);
                NativeStatus.check(
                        LibPanoptim.panoptim_rule_describe(index, info), "panoptim_rule_describe");
                var hyper = own.getOrDefault(name, HYPER.get(name));
                if (hyper == null) {
                    continue;
                }
                if (hyper.byteSize() != panoptim_rule_info.hyper_bytes(info)) {
                    throw new IllegalStateException(
                            "the hyper-parameters of kernel "
                                    + name
                                    + " take "
                                    + panoptim_rule_info.hyper_bytes(info)
                                    + " bytes in the library, but "
                                    + hyper.byteSize()
                                    + " in the bindings");
                }
                kernels.put(
                        name,
                        new Kernel(
                                index,
                                panoptim_rule_info.slots(info),
                                panoptim_rule_info.phases(info),
                                panoptim_rule_info.reductions(info),
                                panoptim_rule_info.curvature(info) != 0,
                                hyper));
            }
        }
        return new NativeRules(kernels);
    }

    /** The names of all kernels. */
    Set<String> names() {
        return kernels.keySet();
    }

    /**
     * The kernel of a rule.
     *
     * @throws UnsupportedPlanException if the library has none, or one of another shape
     */
    Kernel kernel(UpdateRule rule) {
        return switch (rule) {
            case MatrixRule matrix ->
                    throw new UnsupportedPlanException(
                            SimdBackend.NAME,
                            "rule "
                                    + matrix.name()
                                    + " works on matrices, and this backend has no"
                                    + " linear algebra yet");
            case PhasedRule phased -> kernel(phased);
        };
    }

    private Kernel kernel(PhasedRule rule) {
        var kernel = kernels.get(rule.kernel());
        if (kernel == null) {
            throw new UnsupportedPlanException(
                    SimdBackend.NAME,
                    "rule "
                            + rule.name()
                            + " has no native kernel '"
                            + rule.kernel()
                            + "'; the library has "
                            + String.join(", ", kernels.keySet()));
        }
        var expected =
                new Kernel(
                        kernel.index(),
                        rule.slots().size(),
                        rule.phases(),
                        rule.reductions().size(),
                        rule.takesCurvature(),
                        kernel.hyper());
        if (!kernel.equals(expected)) {
            throw new UnsupportedPlanException(
                    SimdBackend.NAME,
                    "rule "
                            + rule.name()
                            + " is not what the native kernel '"
                            + rule.kernel()
                            + "' computes: "
                            + expected
                            + " in Java, "
                            + kernel
                            + " in the library");
        }
        return kernel;
    }
}
