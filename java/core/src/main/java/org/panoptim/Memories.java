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

    /**
     * Memory that a step writes.
     *
     * @param what it is of the parameter
     */
    record Piece(Parameter parameter, String what, Memory memory) {

        /** The name for messages. */
        @Override
        public String toString() {
            return "the " + what + " of parameter '" + parameter.name() + "'";
        }
    }

    /** The values and outputs of parameters. */
    static List<Piece> pieces(List<Parameter> parameters) {
        var pieces = new ArrayList<Piece>();
        for (var parameter : parameters) {
            pieces.add(new Piece(parameter, "value", parameter.value()));
            for (var output : parameter.outputs().entrySet()) {
                pieces.add(new Piece(parameter, output.getKey(), output.getValue().memory()));
            }
        }
        return pieces;
    }

    /** The first two pieces, by address, that share a byte. */
    static Optional<List<Piece>> findOverlap(List<Parameter> parameters) {
        // Addresses compare only within native memory, within device memory, and within one array.
        Map<Object, List<Piece>> spaces = new IdentityHashMap<>();
        for (var piece : pieces(parameters)) {
            if (piece.memory().byteSize() > 0) {
                spaces.computeIfAbsent(space(piece.memory()), _ -> new ArrayList<>()).add(piece);
            }
        }
        for (var space : spaces.values()) {
            // Comparator.comparingLong takes a fresh process longer than the sorting.
            space.sort((a, b) -> Long.compare(a.memory().address(), b.memory().address()));
            for (int i = 1; i < space.size(); i++) {
                var before = space.get(i - 1).memory();
                if (before.address() + before.byteSize() > space.get(i).memory().address()) {
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
