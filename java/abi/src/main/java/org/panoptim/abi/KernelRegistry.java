package org.panoptim.abi;

import static java.lang.foreign.ValueLayout.JAVA_DOUBLE;
import static java.lang.foreign.ValueLayout.JAVA_INT;

import org.panoptim.Shape;
import org.panoptim.UnsupportedPlanException;
import org.panoptim.rule.PhasedRule;
import org.panoptim.rule.RuleDescriptor;
import org.panoptim.rule.Slot;
import org.panoptim.rule.UpdateRule;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** The kernels that a library has, by name, and whether Java's rules are theirs. */
public final class KernelRegistry {

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
     * @param curvature whether it takes curvature from the caller
     * @param hyper the names of its hyper-parameters, in its order
     * @param states the names of its states, by extent
     */
    public record Kernel(
            String name,
            int index,
            int phases,
            int reductions,
            boolean curvature,
            List<String> hyper,
            Map<Slot.Extent, List<String>> states) {

        /** The size of its hyper-parameters. */
        public long hyperBytes() {
            return JAVA_DOUBLE.byteSize() * hyper.size();
        }

        /** Its place tells kernels apart; what a record does by itself takes long to link. */
        @Override
        public boolean equals(Object other) {
            return other instanceof Kernel kernel
                    && kernel.index == index
                    && kernel.name.equals(name);
        }

        @Override
        public int hashCode() {
            return index;
        }

        private String description() {
            var slots = new ArrayList<Slot>();
            states.forEach(
                    (extent, names) -> names.forEach(name -> slots.add(new Slot(name, extent))));
            return KernelRegistry.description(phases, reductions, curvature, slots);
        }

        private boolean computes(PhasedRule rule, List<Slot> slots) {
            return phases == rule.phases()
                    && reductions == rule.reductions().size()
                    && curvature == rule.takesCurvature()
                    && keeps(slots);
        }

        /** Whether the states are those of a rule, name by name in their order. */
        private boolean keeps(List<Slot> slots) {
            int next = 0;
            for (var extent : Slot.Extent.values()) {
                for (var name : states.getOrDefault(extent, List.of())) {
                    if (next == slots.size()
                            || slots.get(next).extent() != extent
                            || !slots.get(next).name().equals(name)) {
                        return false;
                    }
                    next++;
                }
            }
            return next == slots.size();
        }
    }

    /**
     * The registry that a library describes.
     *
     * @param backend who refuses what is not in it
     * @param described the library's rules in its order, each a {@code panoptim_rule}
     */
    public static KernelRegistry of(String backend, List<MemorySegment> described) {
        var kernels = new LinkedHashMap<String, Kernel>();
        for (int index = 0; index < described.size(); index++) {
            var kernel = kernel(index, described.get(index));
            kernels.put(kernel.name(), kernel);
        }
        return new KernelRegistry(backend, kernels);
    }

    private static Kernel kernel(int index, MemorySegment rule) {
        var lists = rule.getString(Layouts.RULE_SIGNATURE).split(";", -1);
        var states = new EnumMap<Slot.Extent, List<String>>(Slot.Extent.class);
        for (var extent : Slot.Extent.values()) {
            states.put(extent, names(lists[1 + extent.ordinal()]));
        }
        return new Kernel(
                rule.getString(Layouts.RULE_NAME),
                index,
                rule.get(JAVA_INT, Layouts.RULE_PHASES),
                rule.get(JAVA_INT, Layouts.RULE_REDUCTIONS),
                rule.get(JAVA_INT, Layouts.RULE_CURVATURE) != 0,
                names(lists[0]),
                states);
    }

    private static List<String> names(String list) {
        return list.isEmpty() ? List.of() : List.of(list.split(","));
    }

    /**
     * Writes a rule's hyper-parameters as its kernel takes them: doubles, by name.
     *
     * @throws UnsupportedPlanException if the rule has none of a name
     */
    public void writeHyper(UpdateRule rule, MemorySegment target) {
        var names = kernel(rule).hyper();
        var descriptor = rule.descriptor();
        for (int i = 0; i < names.size(); i++) {
            int setting = find(rule, descriptor, names.get(i));
            target.setAtIndex(JAVA_DOUBLE, i, descriptor.number(rule, setting));
        }
    }

    private int find(UpdateRule rule, RuleDescriptor<?> descriptor, String name) {
        var settings = descriptor.settings();
        for (int i = 0; i < settings.size(); i++) {
            if (settings.get(i).kernelName().equals(name)) {
                return i;
            }
        }
        throw new UnsupportedPlanException(
                backend,
                "rule "
                        + rule.name()
                        + " has no hyper-parameter "
                        + name
                        + ", which its kernel takes");
    }

    /** The names of all kernels. */
    public Set<String> names() {
        return kernels.keySet();
    }

    /**
     * The kernel of a rule, whose own states it advances.
     *
     * @throws UnsupportedPlanException if the library has none, or one of another shape
     */
    public Kernel kernel(UpdateRule rule) {
        var phased = requirePhased(rule);
        return kernel(phased, phased.kernelName(), rule.slots());
    }

    /**
     * The kernel of a rule for a parameter of a shape.
     *
     * @throws UnsupportedPlanException if the library has none, or one of another shape
     */
    public Kernel kernel(UpdateRule rule, Shape parameter) {
        var phased = requirePhased(rule);
        return kernel(phased, phased.kernelName(parameter), rule.slots(parameter));
    }

    private PhasedRule requirePhased(UpdateRule rule) {
        if (rule instanceof PhasedRule phased) {
            return phased;
        }
        throw new UnsupportedPlanException(
                backend,
                "rule "
                        + rule.name()
                        + " works on matrices, and this backend has no linear algebra yet");
    }

    private Kernel kernel(PhasedRule rule, String name, List<Slot> slots) {
        var kernel = kernels.get(name);
        if (kernel == null) {
            throw new UnsupportedPlanException(
                    backend,
                    "rule "
                            + rule.name()
                            + " has no native kernel '"
                            + name
                            + "'; the library has "
                            + String.join(", ", kernels.keySet()));
        }
        if (!kernel.computes(rule, slots)) {
            throw new UnsupportedPlanException(
                    backend,
                    "rule "
                            + rule.name()
                            + " is not what the native kernel '"
                            + name
                            + "' computes: "
                            + description(
                                    rule.phases(),
                                    rule.reductions().size(),
                                    rule.takesCurvature(),
                                    slots)
                            + " in Java, "
                            + kernel.description()
                            + " in the library");
        }
        return kernel;
    }

    private static String description(
            int phases, int reductions, boolean curvature, List<Slot> slots) {
        return "phases %d, reductions %d, curvature %s, states %s"
                .formatted(phases, reductions, curvature, slots);
    }
}
