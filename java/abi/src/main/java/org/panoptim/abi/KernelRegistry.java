package org.panoptim.abi;

import static java.lang.foreign.ValueLayout.JAVA_DOUBLE;
import static java.lang.foreign.ValueLayout.JAVA_INT;

import org.panoptim.rule.LineRule;
import org.panoptim.rule.PhaseSpan;
import org.panoptim.rule.Reduction;
import org.panoptim.rule.RuleDescriptor;
import org.panoptim.rule.Rules;
import org.panoptim.rule.Slot;
import org.panoptim.rule.UpdateRule;
import org.panoptim.spi.UnsupportedPlanException;
import org.panoptim.tensor.Shape;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;

/**
 * The kernels that a library has, by name, and whether Java's rules are theirs. Safe for use by
 * several threads.
 */
public final class KernelRegistry {

    /** Says that rows are looked at again with their matrix's total. */
    private static final String TOTALS = "totals";

    private final String backend;
    private final Library library;
    private final Map<String, Kernel> kernels = new ConcurrentHashMap<>();

    /**
     * The registry of a library.
     *
     * @param backend who refuses what is not in it
     */
    public KernelRegistry(String backend, Library library) {
        this.backend = backend;
        this.library = library;
    }

    /** What describes its rules. */
    public interface Library {

        /**
         * The {@code panoptim_rule} of a name, if the library has it. A library that is loaded by
         * parts loads the one with this rule.
         */
        Optional<MemorySegment> describe(String name);

        /** Which rules it has, in one clause; empty if it cannot be said without loading them. */
        String contents();

        /** A library that is loaded as a whole, with these rules. */
        static Library of(List<MemorySegment> described) {
            var rules = new LinkedHashMap<String, MemorySegment>();
            described.forEach(rule -> rules.put(name(rule), rule));
            return new Library() {

                @Override
                public Optional<MemorySegment> describe(String name) {
                    return Optional.ofNullable(rules.get(name));
                }

                @Override
                public String contents() {
                    return "; the library has " + String.join(", ", rules.keySet());
                }
            };
        }
    }

    /** The name of a {@code panoptim_rule}. */
    public static String name(MemorySegment rule) {
        return rule.getString(Layouts.RULE_NAME);
    }

    /**
     * A rule of the library's registry.
     *
     * @param name its name there
     * @param index in the registry
     * @param phases of the step
     * @param passPhases of all passes, behind those of the step
     * @param curvature whether it takes curvature from the caller
     * @param hyper the names of its hyper-parameters, in its order
     * @param states the names of its states, by extent
     * @param sums its reductions, each as scope and phase, and what it does with their totals
     */
    public record Kernel(
            String name,
            int index,
            int phases,
            int passPhases,
            boolean curvature,
            List<String> hyper,
            Map<Slot.Extent, List<String>> states,
            List<String> sums) {

        /** The size of its hyper-parameters. */
        public long hyperBytes() {
            return JAVA_DOUBLE.byteSize() * hyper.size();
        }

        /** Whether a phase sums over rows or columns, and so goes over panels instead of chunks. */
        public boolean sumsOverLines(int phase) {
            return sums.contains(sum(Reduction.Scope.ROW, phase))
                    || sums.contains(sum(Reduction.Scope.COLUMN, phase));
        }

        /** Whether any phase does. */
        public boolean hasPanels() {
            return ofScope(Reduction.Scope.ROW) + ofScope(Reduction.Scope.COLUMN) > 0;
        }

        /** Whether a phase leaves sums of chunks for one of its reductions. */
        public boolean sumsOverChunks(int phase) {
            return sums.contains(sum(Reduction.Scope.TENSOR, phase))
                    || sums.contains(sum(Reduction.Scope.GROUP, phase))
                    || sums.contains(sum(Reduction.Scope.ALL, phase));
        }

        /** Whether rows are looked at again with their matrix's total. */
        public boolean takesTotals() {
            return sums.contains(TOTALS);
        }

        /** How many of its reductions are of a scope. */
        long ofScope(Reduction.Scope scope) {
            var name = scopeName(scope);
            return sums.stream().filter(sum -> sum.startsWith(name)).count();
        }

        /** Compares the index only; a record's generated method takes long to link. */
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
            return KernelRegistry.description(phases, passPhases, sums, curvature, slots);
        }

        private boolean computes(UpdateRule rule, List<Slot> slots, List<String> taken) {
            return phases == rule.phases()
                    && passPhases == PhaseSpan.ofPasses(rule)
                    && sums.equals(taken)
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

    private static Kernel read(MemorySegment rule) {
        var lists = rule.getString(Layouts.RULE_SIGNATURE).split(";", -1);
        var states = new EnumMap<Slot.Extent, List<String>>(Slot.Extent.class);
        for (var extent : Slot.Extent.values()) {
            states.put(extent, names(lists[1 + extent.ordinal()]));
        }
        return new Kernel(
                name(rule),
                rule.get(JAVA_INT, Layouts.RULE_INDEX),
                rule.get(JAVA_INT, Layouts.RULE_PHASES),
                rule.get(JAVA_INT, Layouts.RULE_PASS_PHASES),
                rule.get(JAVA_INT, Layouts.RULE_CURVATURE) != 0,
                names(lists[0]),
                states,
                names(lists[1 + states.size()]));
    }

    /** The reductions of a rule as kernels describe them. */
    private static List<String> sums(UpdateRule rule, List<Reduction> reductions) {
        var sums = new ArrayList<String>();
        for (var reduction : reductions) {
            sums.add(sum(reduction.scope(), reduction.phase()));
        }
        boolean ofRows =
                reductions.stream().anyMatch(reduction -> reduction.scope() == Reduction.Scope.ROW);
        if (ofRows && rule instanceof LineRule lines && lines.takesTotals()) {
            sums.add(TOTALS);
        }
        return sums;
    }

    private static String sum(Reduction.Scope scope, int phase) {
        return scopeName(scope) + phase;
    }

    private static String scopeName(Reduction.Scope scope) {
        return scope.name().toLowerCase(Locale.ROOT);
    }

    private static List<String> names(String list) {
        return list.isEmpty() ? List.of() : List.of(list.split(","));
    }

    /**
     * Writes a rule's hyper-parameters as its kernel takes them: doubles, by name.
     *
     * @param kernel the {@linkplain #kernel(UpdateRule) rule's}
     * @throws UnsupportedPlanException if the rule has none of a name
     */
    public void writeHyper(Kernel kernel, UpdateRule rule, MemorySegment target) {
        var names = kernel.hyper();
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

    /**
     * The kernel of a rule, whose states it advances.
     *
     * @throws UnsupportedPlanException if the library has none, or one of another shape
     */
    public Kernel kernel(UpdateRule rule) {
        return kernel(rule, rule.kernelName(), rule.slots(), sums(rule, rule.reductions()));
    }

    /**
     * The kernel of a rule for a parameter of a shape.
     *
     * @throws UnsupportedPlanException if the library has none, or one of another shape
     */
    public Kernel kernel(UpdateRule rule, Shape parameter) {
        var sums = sums(rule, rule.reductions(parameter));
        var kernel = kernel(rule, rule.kernelName(parameter), rule.slots(parameter), sums);
        if (!kernel.name().equals(rule.kernelName())
                && !kernel.hyper().equals(kernel(rule).hyper())) {
            throw new UnsupportedPlanException(
                    backend,
                    "rule %s: its kernels '%s' and '%s' take different hyper-parameters, and a group has one row of them"
                            .formatted(rule.name(), rule.kernelName(), kernel.name()));
        }
        return kernel;
    }

    private Kernel kernel(UpdateRule rule, String name, List<Slot> slots, List<String> sums) {
        var kernel = kernels.get(name);
        if (kernel == null) {
            kernel = read(library.describe(name).orElseThrow(() -> missing(rule, name)));
            kernels.put(name, kernel);
        }
        if (!Rules.isOfLibrary(rule) && Rules.isTakenFor(rule, name)) {
            throw new UnsupportedPlanException(
                    backend,
                    "rule %s of %s has the name of the library's kernel '%s'; give it another one"
                            .formatted(rule.name(), rule.getClass().getName(), name));
        }
        if (!kernel.computes(rule, slots, sums)) {
            throw new UnsupportedPlanException(
                    backend,
                    "rule "
                            + rule.name()
                            + " is not what the native kernel '"
                            + name
                            + "' computes: "
                            + description(
                                    rule.phases(),
                                    PhaseSpan.ofPasses(rule),
                                    sums,
                                    rule.takesCurvature(),
                                    slots)
                            + " in Java, "
                            + kernel.description()
                            + " in the library");
        }
        return kernel;
    }

    private UnsupportedPlanException missing(UpdateRule rule, String name) {
        return new UnsupportedPlanException(
                backend,
                "rule %s has no native kernel '%s'%s%s"
                        .formatted(
                                rule.name(),
                                name,
                                library.contents(),
                                Rules.isOfLibrary(rule)
                                        ? ""
                                        : "; .backend(Backend.named(\"reference\")) runs it"
                                                + " without one"));
    }

    private static String description(
            int phases, int passPhases, List<String> sums, boolean curvature, List<Slot> slots) {
        var ofPasses = passPhases == 0 ? "" : " and " + passPhases + " of passes";
        return "phases %d%s, reductions %s, curvature %s, states %s"
                .formatted(phases, ofPasses, sums, curvature, slots);
    }
}
