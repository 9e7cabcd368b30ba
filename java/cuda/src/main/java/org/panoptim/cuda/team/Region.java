package org.panoptim.cuda.team;

import java.util.ArrayList;
import java.util.List;

/**
 * A piece of device memory.
 *
 * @param bytes at least 0
 */
record Region(long address, long bytes) {

    static long bytes(List<Region> regions) {
        return regions.stream().mapToLong(Region::bytes).sum();
    }

    /** What of regions that lie one after another is between two positions. */
    static List<Region> between(List<Region> regions, long from, long to) {
        var found = new ArrayList<Region>();
        long begin = 0;
        for (var region : regions) {
            long first = Math.max(from, begin);
            long last = Math.min(to, begin + region.bytes);
            if (first < last) {
                found.add(new Region(region.address + first - begin, last - first));
            }
            begin += region.bytes;
        }
        return found;
    }
}
