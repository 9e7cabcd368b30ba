package org.panoptim.spi;

import org.panoptim.shard.Team;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;

/**
 * Gives every member of a team the sums of all chunks, of which each has its own: doubles that come
 * in columns, with a place for each chunk.
 */
public final class SumExchange implements AutoCloseable {

    private final Arena arena = Arena.ofShared();
    private final Team team;

    /** The places of each member's chunks. */
    private final int[][] places;

    private MemorySegment all = MemorySegment.NULL;

    /** Columns of sums. */
    public interface Columns {

        /** How many there are. */
        int count();

        /** A sum that this member has. */
        double get(int column, int place);

        /** Takes up one of another member. */
        void set(int column, int place, double sum);
    }

    /**
     * An exchange of sums.
     *
     * @param places of each member's chunks in a column; on every member the same
     */
    public SumExchange(Team team, int[][] places) {
        this.team = team;
        this.places = Arrays.stream(places).map(int[]::clone).toArray(int[][]::new);
    }

    /** Hands over what this member has, and takes up what the others have. */
    public void run(Columns columns) {
        int count = columns.count();
        var bytes = new long[places.length];
        long sum = 0;
        for (int member = 0; member < bytes.length; member++) {
            bytes[member] = (long) Double.BYTES * count * places[member].length;
            sum += bytes[member];
        }
        if (sum > all.byteSize()) {
            all = arena.allocate(sum, Double.BYTES);
        }
        long at = 0;
        for (int member = 0; member < team.rank(); member++) {
            at += bytes[member] / Double.BYTES;
        }
        for (int column = 0; column < count; column++) {
            for (int place : places[team.rank()]) {
                all.setAtIndex(ValueLayout.JAVA_DOUBLE, at++, columns.get(column, place));
            }
        }
        team.gather(all.asSlice(0, sum), bytes);
        at = 0;
        for (int member = 0; member < places.length; member++) {
            for (int column = 0; column < count; column++) {
                for (int place : places[member]) {
                    double found = all.getAtIndex(ValueLayout.JAVA_DOUBLE, at++);
                    if (member != team.rank()) {
                        columns.set(column, place, found);
                    }
                }
            }
        }
    }

    @Override
    public void close() {
        arena.close();
    }
}
