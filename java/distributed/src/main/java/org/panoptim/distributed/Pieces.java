package org.panoptim.distributed;

import java.lang.foreign.MemorySegment;
import java.util.List;

/** Memory of which a transfer has a list for each member. */
final class Pieces {

    private Pieces() {}

    /**
     * Checks that there is a list for each member.
     *
     * @param name of the argument
     * @throws IllegalArgumentException if not
     */
    static void require(String name, List<List<MemorySegment>> pieces, int members) {
        if (pieces.size() != members) {
            throw new IllegalArgumentException(
                    "%s must have a list for each of %d members, but has %d"
                            .formatted(name, members, pieces.size()));
        }
    }

    /** How large each is. */
    static List<Long> sizes(List<MemorySegment> pieces) {
        return pieces.stream().map(MemorySegment::byteSize).toList();
    }

    /** How large they are together. */
    static long bytes(List<MemorySegment> pieces) {
        return pieces.stream().mapToLong(MemorySegment::byteSize).sum();
    }

    /** What a team ends with, of which one member sends something else than another one expects. */
    static String differ(int from, long sent, int to, long expected) {
        return "members make different calls: member %d sends %d bytes to member %d, which expects %d"
                .formatted(from, sent, to, expected);
    }
}
