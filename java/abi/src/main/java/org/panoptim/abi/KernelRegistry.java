package org.panoptim.abi;

import org.panoptim.UnsupportedPlanException;
import org.panoptim.abi.bindings.panoptim_ada_fisher_hyper;
import org.panoptim.abi.bindings.panoptim_adam_hyper;
import org.panoptim.abi.bindings.panoptim_adamw_hyper;
import org.panoptim.abi.bindings.panoptim_lion_hyper;
import org.panoptim.abi.bindings.panoptim_rule_info;
import org.panoptim.abi.bindings.panoptim_sgd_hyper;
import org.panoptim.abi.bindings.panoptim_sophia_g_hyper;
import org.panoptim.abi.bindings.panoptim_sophia_h_hyper;
import org.panoptim.rule.PhasedRule;
import org.panoptim.rule.UpdateRule;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.StructLayout;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** The kernels that a library has, by name, and whether Java's rules are theirs. */
public final class KernelRegistry {

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
                    entry("sophia_h", panoptim_sophia_h_hyper.layout()),
                    entry("ada_fisher", panoptim_ada_fisher_hyper.layout()));

    private final String backend;
    private final Map<String, Kernel> kernels;

    private KernelRegistry(String backend, Map<String, Kernel> kernels) {
        this.backend = backend;
        this.kernels = kernels;
    }

    /**
     * A rule of the library's registry.
     *
     * @param name its name there
     * @param index its place there
     * @param hyper the structure of its hyper-parameters
     */
    public record Kernel(
            String name,
            int index,
            int slots,
            int phases,
            int reductions,
            boolean curvature,
            StructLayout hyper) {

        /** Its place tells kernels apart; what a record does by itself takes long to link. */
        @Override
        public int hashCode() {
            return index;
        }

        private boolean computes(PhasedRule rule) {
            return slots == rule.slots().size()
                    && phases == rule.phases()
                    && reductions == rule.reductions().size()
                    && curvature == rule.takesCurvature();
        }
    }

    private static Map.Entry<String, StructLayout> entry(
            String kernel, java.lang.foreign.GroupLayout layout) {
        return Map.entry(kernel, (StructLayout) layout);
    }

    /**
     * The registry that a library describes.
     *
     * @param backend who refuses what is not in it
     * @param described the library's rules in its order: a name and a {@code panoptim_rule_info}
     * @param own structures for kernels that the bindings do not know
     * @throws IllegalStateException if a structure's size is not the library's
     */
    public static KernelRegistry of(
            String backend, List<Described> described, Map<String, StructLayout> own) {
        var kernels = new LinkedHashMap<String, Kernel>();
        for (int index = 0; index < described.size(); index++) {
            var name = described.get(index).name();
            var info = described.get(index).info();
            var hyper = own.getOrDefault(name, HYPER.get(name));
            if (hyper == null) {
                continue;
            }
            if (hyper.byteSize() != panoptim_rule_info.hyper_bytes(info)) {
                throw new IllegalStateException(
                        "backend %s: the hyper-parameters of kernel %s take %d bytes in the library, but %d in the bindings"
                                .formatted(
                                        backend,
                                        name,
                                        panoptim_rule_info.hyper_bytes(info),
                                        hyper.byteSize()));
            }
            kernels.put(
                    name,
                    new Kernel(
                            name,
                            index,
                            panoptim_rule_info.slots(info),
                            panoptim_rule_info.phases(info),
                            panoptim_rule_info.reductions(info),
                            panoptim_rule_info.curvature(info) != 0,
                            hyper));
        }
        return new KernelRegistry(backend, kernels);
    }

    /**
     * A rule as a library describes it.
     *
     * @param info a {@code panoptim_rule_info}
     */
    public record Described(String name, MemorySegment info) {}

    /** Writes a rule's hyper-parameters into the structure of its kernel. */
    public void writeHyper(UpdateRule rule, MemorySegment target) {
        HyperStruct.write(backend, rule, kernel(rule).hyper(), target);
    }

    /** The names of all kernels. */
    public Set<String> names() {
        return kernels.keySet();
    }

    /**
     * The kernel of a rule.
     *
     * @throws UnsupportedPlanException if the library has none, or one of another shape
     */
    public Kernel kernel(UpdateRule rule) {
        if (rule instanceof PhasedRule phased) {
            return kernel(phased);
        }
        throw new UnsupportedPlanException(
                backend,
                "rule "
                        + rule.name()
                        + " works on matrices, and this backend has no linear algebra yet");
    }

    private Kernel kernel(PhasedRule rule) {
        var kernel = kernels.get(rule.kernel());
        if (kernel == null) {
            throw new UnsupportedPlanException(
                    backend,
                    "rule "
                            + rule.name()
                            + " has no native kernel '"
                            + rule.kernel()
                            + "'; the library has "
                            + String.join(", ", kernels.keySet()));
        }
        if (!kernel.computes(rule)) {
            var expected =
                    new Kernel(
                            kernel.name(),
                            kernel.index(),
                            rule.slots().size(),
                            rule.phases(),
                            rule.reductions().size(),
                            rule.takesCurvature(),
                            kernel.hyper());
            throw new UnsupportedPlanException(
                    backend,
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
