package org.panoptim.cuda.team;

import java.util.ArrayList;
import java.util.List;

/**
 * Where the sums over chunks lie on the device: doubles in columns, with a place for each chunk of
 * the plan, of which each member of a team has some.
 *
 * @param address of the first column
 * @param chunks in a column
 * @param runs the places of each member's chunks
 */
public record ChunkColumns(long address, long chunks, List<List<Run>> runs) {

    /**
     * Places one after another.
     *
     * @param from the first
     * @param to behind the last
     */
    public record Run(long from, long to) {}

    /** Places in their order as runs. */
    public static List<Run> runs(int[] places) {
        var found = new ArrayList<Run>();
        int begin = 0;
        for (int i = 1; i <= places.length; i++) {
            if (i == places.length || places[i] != places[i - 1] + 1) {
                found.add(new Run(places[begin], places[i - 1] + 1L));
                begin = i;
            }
        }
        return found;
    }

    /** What each member has in some columns. */
    List<List<Region>> of(SumColumns columns) {
        return runs.stream().map(member -> of(member, columns)).toList();
    }

    private List<Region> of(List<Run> member, SumColumns columns) {
        var found = new ArrayList<Region>();
        for (int i = 0; i < columns.count(); i++) {
            long column = address + (columns.first() + i) * chunks * Double.BYTES;
            for (var run : member) {
                found.add(
                        new Region(
                                column + run.from() * Double.BYTES,
                                (run.to() - run.from()) * Double.BYTES));
            }
        }
        return found;
    }
}
