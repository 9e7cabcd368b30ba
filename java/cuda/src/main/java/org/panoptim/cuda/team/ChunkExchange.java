package org.panoptim.cuda.team;

/** Gives every member of a team the sums of all chunks, of which each has its own. */
public final class ChunkExchange {

    private final Transport transport;
    private final ChunkColumns chunks;

    /**
     * Over tables.
     *
     * @param transport stays the caller's
     */
    public ChunkExchange(Transport transport, ChunkColumns chunks) {
        this.transport = transport;
        this.chunks = chunks;
    }

    /**
     * Those that measuring has left. Waits until all members have them: what comes next decides
     * about the step, and changes something.
     */
    public void bringMeasured() {
        bring(SumColumns.MEASURED);
        transport.agree();
    }

    /** Those of columns that a phase has left, if any. */
    public void bring(SumColumns columns) {
        if (columns.count() > 0 && chunks.runs().size() > 1) {
            transport.gather(chunks.of(columns));
        }
    }
}
