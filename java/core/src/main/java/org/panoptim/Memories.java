package org.panoptim;

import org.panoptim.memory.DeviceMemory;
import org.panoptim.memory.HostMemory;
import org.panoptim.memory.Memory;
import org.panoptim.parameter.Parameter;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** Questions about several pieces of memory. */
final class Memories {

    private Memories() {}

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
