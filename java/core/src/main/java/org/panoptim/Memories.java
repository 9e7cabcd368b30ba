package org.panoptim;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** Questions about several pieces of memory. */
final class Memories {

    private Memories() {}

    /** Whether two of the same size share a byte. */
    static boolean overlap(Memory a, Memory b) {
        // Not a switch: the first one over patterns takes a fresh process as long as a step.
        if (a instanceof HostMemory(var left)) {
            return b instanceof HostMemory(var right) && left.asOverlappingSlice(right).isPresent();
        }
        return a instanceof DeviceMemory left
                && b instanceof DeviceMemory right
                && rangesOverlap(left, right);
    }

    private static boolean rangesOverlap(DeviceMemory a, DeviceMemory b) {
        return a.address() < b.address() + b.byteSize() && b.address() < a.address() + a.byteSize();
    }

    /** The first two parameters, by address, whose values share a byte. */
    static Optional<List<Parameter>> findOverlap(List<Parameter> parameters) {
        // Addresses compare only within native memory, within device memory, and within one array.
        Map<Object, List<Parameter>> spaces = new IdentityHashMap<>();
        for (var parameter : parameters) {
            if (parameter.elements() > 0) {
                spaces.computeIfAbsent(space(parameter.value()), _ -> new ArrayList<>())
                        .add(parameter);
            }
        }
        for (var space : spaces.values()) {
            // Comparator.comparingLong takes a fresh process longer than the sorting.
            space.sort((a, b) -> Long.compare(a.value().address(), b.value().address()));
            for (int i = 1; i < space.size(); i++) {
                var before = space.get(i - 1).value();
                if (before.address() + before.byteSize() > space.get(i).value().address()) {
                    return Optional.of(List.of(space.get(i - 1), space.get(i)));
                }
            }
        }
        return Optional.empty();
    }

    private static Object space(Memory memory) {
        return memory instanceof HostMemory(MemorySegment segment)
                ? segment.heapBase().orElse(HostMemory.class)
                : DeviceMemory.class;
    }
}
