package org.panoptim.internal.shard;

import org.panoptim.shard.Team;
import org.panoptim.shard.TeamException;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** Bytes of all members, of whom none knows how many the others have. */
public final class GatheredBytes {

    private GatheredBytes() {}

    /**
     * Gives every member what each has.
     *
     * @param intent for which it is said
     * @param own this member's
     * @return those of all, in the order of the members
     * @throws IllegalStateException if others do something else
     * @throws TeamException if another member failed, is gone or did not answer in time
     */
    public static List<byte[]> of(Team team, Intent intent, byte[] own) {
        var bytes =
                intent
                        .meet(team, ByteBuffer.allocate(Integer.BYTES).putInt(own.length).array())
                        .stream()
                        .mapToLong(size -> ByteBuffer.wrap(size).getInt())
                        .toArray();
        try (var arena = Arena.ofShared()) {
            var all = arena.allocate(Arrays.stream(bytes).sum());
            long ownPlace = Arrays.stream(bytes, 0, team.rank()).sum();
            MemorySegment.copy(own, 0, all, ValueLayout.JAVA_BYTE, ownPlace, own.length);
            team.gather(all, bytes);
            var found = new ArrayList<byte[]>();
            long place = 0;
            for (long size : bytes) {
                found.add(all.asSlice(place, size).toArray(ValueLayout.JAVA_BYTE));
                place += size;
            }
            return found;
        }
    }
}
