package org.panoptim.cuda.team;

import org.panoptim.spi.MeteredTeam;

import java.util.List;

/**
 * By NCCL: regions of device memory go to where they belong without a copy. Transfers between two
 * members are matched in their order, so all of them have one region after another.
 */
public final class NcclTransport implements Transport {

    /** Regions of each member that go at a time: NCCL keeps what is to be done of a whole group. */
    private static final int REGIONS_AT_ONCE = 64;

    private final Communicator communicator;
    private final MeteredTeam meter;
    private final int rank;

    /**
     * Of a member.
     *
     * @param communicator stays the caller's
     * @param meter counts what travels, and the waits for it
     */
    public NcclTransport(Communicator communicator, MeteredTeam meter) {
        this.communicator = communicator;
        this.meter = meter;
        rank = meter.rank();
    }

    @Override
    public void exchange(List<List<Region>> sent, List<List<Region>> received) {
        int longest = Math.max(longest(sent), longest(received));
        for (int first = 0; first < longest; first += REGIONS_AT_ONCE) {
            int from = first;
            communicator.group(group -> add(group, sent, received, from));
        }
        meter.count(bytes(sent), bytes(received), 0);
    }

    private void add(
            Communicator.Group group,
            List<List<Region>> sent,
            List<List<Region>> received,
            int first) {
        for (int peer = 0; peer < sent.size(); peer++) {
            if (peer != rank) {
                for (var region : slice(sent.get(peer), first)) {
                    group.send(region, peer);
                }
                for (var region : slice(received.get(peer), first)) {
                    group.receive(region, peer);
                }
            }
        }
    }

    @Override
    public void gather(List<List<Region>> regions) {
        var own = regions.get(rank);
        exchange(regions.stream().map(_ -> own).toList(), regions);
    }

    private static List<Region> slice(List<Region> regions, int first) {
        int from = Math.min(first, regions.size());
        return regions.subList(from, Math.min(from + REGIONS_AT_ONCE, regions.size()));
    }

    /** Of all other members. */
    private long bytes(List<List<Region>> regions) {
        long bytes = 0;
        for (int member = 0; member < regions.size(); member++) {
            bytes += member == rank ? 0 : Region.bytes(regions.get(member));
        }
        return bytes;
    }

    private static int longest(List<List<Region>> regions) {
        return regions.stream().mapToInt(List::size).max().orElse(0);
    }

    @Override
    public void await() {
        long from = System.nanoTime();
        communicator.awaitStream();
        meter.count(0, 0, System.nanoTime() - from);
    }

    @Override
    public void agree() {
        communicator.awaitStream();
        communicator.agree();
    }

    /** The communicator is the team's. */
    @Override
    public void close() {}
}
