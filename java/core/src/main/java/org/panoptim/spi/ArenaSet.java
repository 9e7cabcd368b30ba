package org.panoptim.spi;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;

/**
 * A segment of each arena in which memory of a step lies, for those who keep arenas from being
 * closed while they use it. Memory on the Java heap and memory that is never freed are left out.
 * Filling it anew allocates nothing once it has its size.
 */
public final class ArenaSet {

    private static final MemorySegment.Scope FOREVER = Arena.global().scope();

    private MemorySegment[] segments = new MemorySegment[8];
    private int size;

    // Open addressing; entries are indices of segments plus 1, so that 0 is an empty place.
    private int[] places = new int[32];

    /** An empty set. */
    public ArenaSet() {}

    /** Takes all arenas out. */
    public void clear() {
        Arrays.fill(segments, 0, size, null);
        Arrays.fill(places, 0);
        size = 0;
    }

    /** Adds the arena of a segment, unless it is there or cannot be closed. */
    public void add(MemorySegment segment) {
        var scope = segment.scope();
        if (!segment.isNative() || scope == FOREVER) {
            return;
        }
        // Most memory lies in the same arena as that before it.
        if (size > 0 && segments[size - 1].scope() == scope) {
            return;
        }
        int place = place(scope);
        if (places[place] != 0) {
            return;
        }
        if (size == segments.length) {
            segments = Arrays.copyOf(segments, 2 * size);
        }
        segments[size++] = segment;
        places[place] = size;
        if (3 * size > places.length) {
            enlarge();
        }
    }

    private int place(MemorySegment.Scope scope) {
        int mask = places.length - 1;
        int place = System.identityHashCode(scope) & mask;
        while (places[place] != 0 && segments[places[place] - 1].scope() != scope) {
            place = place + 1 & mask;
        }
        return place;
    }

    private void enlarge() {
        places = new int[4 * places.length];
        for (int i = 0; i < size; i++) {
            places[place(segments[i].scope())] = i + 1;
        }
    }

    /** The number of arenas. */
    public int size() {
        return size;
    }

    /**
     * A segment of an arena.
     *
     * @param index from 0 to the size, which is excluded
     */
    public MemorySegment segment(int index) {
        return segments[index];
    }

    /** Whether a thread may use all of them now: none is closed or another thread's. */
    public boolean isAccessibleBy(Thread thread) {
        for (int i = 0; i < size; i++) {
            if (!segments[i].scope().isAlive() || !segments[i].isAccessibleBy(thread)) {
                return false;
            }
        }
        return true;
    }
}
