package org.panoptim;

import org.panoptim.memory.HostMemory;
import org.panoptim.memory.Memory;
import org.panoptim.parameter.ParameterGroup;
import org.panoptim.tensor.StateTensor;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.TreeMap;

/**
 * All that a refused call must leave alone: every byte of parameters, gradients and states, the
 * counts, and the groups with their rules.
 */
public record Snapshot(Map<String, String> bytes, List<ParameterGroup> groups, StepReport report) {

    public static Snapshot of(Optimizer optimizer) {
        var bytes = new TreeMap<String, String>();
        for (var group : optimizer.groups()) {
            for (var parameter : group.parameters()) {
                bytes.put("value " + parameter.name(), hex(parameter.value()));
                parameter
                        .gradient()
                        .ifPresent(g -> bytes.put("gradient " + parameter.name(), hex(g)));
                for (var slot : group.rule().slots(parameter.shape())) {
                    if (slot.extent().isOfParameter() && slot.isKept()) {
                        var state = optimizer.state(parameter.name(), slot.name());
                        bytes.put(slot.name() + " " + parameter.name(), hex(state));
                    }
                }
            }
            for (var slot : group.rule().slots()) {
                if (!slot.extent().isOfParameter()) {
                    var state = optimizer.ruleState(group.name(), slot.name());
                    bytes.put(slot.name() + " of the rule of " + group.name(), hex(state));
                }
            }
        }
        return new Snapshot(bytes, optimizer.groups(), optimizer.report());
    }

    /** Without what a refused step may change: the number of refused steps, norms, the scale. */
    public Snapshot withoutOutcome() {
        var outcome =
                new StepReport(
                        report.step(),
                        0,
                        false,
                        1,
                        Map.of(),
                        report.counts(),
                        OptionalDouble.empty(),
                        OptionalDouble.empty(),
                        1,
                        Map.of(),
                        Map.of(),
                        Optional.empty());
        return new Snapshot(bytes, groups, outcome);
    }

    /** Only parameters and states. */
    public Map<String, String> trained() {
        var trained = new TreeMap<>(bytes);
        trained.keySet().removeIf(name -> name.startsWith("gradient "));
        return trained;
    }

    private static String hex(Memory memory) {
        return hex(((HostMemory) memory).segment());
    }

    private static String hex(StateTensor state) {
        var copy = new byte[Math.toIntExact(state.byteSize())];
        state.read(0, MemorySegment.ofArray(copy));
        return HexFormat.of().formatHex(copy);
    }

    private static String hex(MemorySegment segment) {
        return HexFormat.of().formatHex(segment.toArray(ValueLayout.JAVA_BYTE));
    }
}
