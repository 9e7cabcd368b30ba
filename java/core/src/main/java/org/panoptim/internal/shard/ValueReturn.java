package org.panoptim.internal.shard;

import org.panoptim.shard.Team;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;

/** Brings arrays that their owners have written to everybody, as they are. */
final class ValueReturn implements AutoCloseable {

    private static final long BUCKET_BYTES = 32L << 20;

    private final Arena arena = Arena.ofShared();
    private final Team team;
    private final long bucketBytes;
    private MemorySegment all = MemorySegment.NULL;

    ValueReturn(Team team) {
        this(team, BUCKET_BYTES);
    }

    /**
     * @param bucketBytes what all members together send at a time
     */
    ValueReturn(Team team, long bucketBytes) {
        this.team = team;
        this.bucketBytes = bucketBytes;
    }

    /**
     * Copies every owner's elements to everybody.
     *
     * @param stretches what each member owns, of arrays of one type
     */
    void run(List<List<Stretch>> stretches, long elementBytes) {
        int members = team.size();
        long longest = stretches.stream().mapToLong(Stretch::elements).max().orElse(0);
        long slice = Math.max(1, Math.min(longest, bucketBytes / elementBytes / members));
        if (slice * members * elementBytes > all.byteSize()) {
            all = arena.allocate(slice * members * elementBytes, 64);
        }
        for (long first = 0; first < longest; first += slice) {
            var bytes = new long[members];
            long sum = 0;
            long ownPlace = 0;
            for (int member = 0; member < members; member++) {
                long elements = Stretch.elements(stretches.get(member));
                bytes[member] = Math.clamp(elements - first, 0, slice) * elementBytes;
                ownPlace = member == team.rank() ? sum : ownPlace;
                sum += bytes[member];
            }
            copy(
                    stretches.get(team.rank()),
                    first,
                    bytes[team.rank()],
                    ownPlace,
                    elementBytes,
                    true);
            team.gather(all.asSlice(0, sum), bytes);
            long place = 0;
            for (int member = 0; member < members; member++) {
                if (member != team.rank()) {
                    copy(stretches.get(member), first, bytes[member], place, elementBytes, false);
                }
                place += bytes[member];
            }
        }
    }

    private void copy(
            List<Stretch> stretches,
            long first,
            long bytes,
            long place,
            long elementBytes,
            boolean out) {
        Stretch.visit(
                stretches,
                first,
                bytes / elementBytes,
                (array, from, elements, at) -> {
                    var piece =
                            array.memory().asSlice(from * elementBytes, elements * elementBytes);
                    var buffer = all.asSlice(place + at * elementBytes, elements * elementBytes);
                    (out ? buffer : piece).copyFrom(out ? piece : buffer);
                });
    }

    @Override
    public void close() {
        arena.close();
    }
}
