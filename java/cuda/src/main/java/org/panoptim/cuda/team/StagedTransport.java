package org.panoptim.cuda.team;

import org.jspecify.annotations.Nullable;
import org.panoptim.cuda.device.DeviceContext;
import org.panoptim.cuda.driver.PinnedBuffer;
import org.panoptim.shard.Team;
import org.panoptim.spi.Cleanup;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;

/**
 * Over any team of host memory: what is sent is copied into page-locked memory, for which the host
 * waits, and what came from there to the device, for which it does not.
 */
public final class StagedTransport implements Transport {

    /** The most that is gathered at a time, of all members together. */
    static final long BUCKET_BYTES = 32L << 20;

    private final DeviceContext context;
    private final Team team;
    private final long bucketBytes;
    private @Nullable PinnedBuffer sending;
    private @Nullable PinnedBuffer receiving;

    /**
     * Of a member.
     *
     * @param team stays the caller's
     */
    public StagedTransport(DeviceContext context, Team team) {
        this(context, team, BUCKET_BYTES);
    }

    /**
     * The same.
     *
     * @param bucketBytes what is gathered at a time
     */
    StagedTransport(DeviceContext context, Team team, long bucketBytes) {
        this.context = context;
        this.team = team;
        this.bucketBytes = bucketBytes;
    }

    @Override
    public void exchange(List<List<Region>> sent, List<List<Region>> received) {
        var sentBytes = sent.stream().mapToLong(Region::bytes).toArray();
        var receivedBytes = received.stream().mapToLong(Region::bytes).toArray();
        sending = ensure(sending, sum(sentBytes));
        receiving = ensure(receiving, sum(receivedBytes));
        long end = sending.address();
        for (var regions : sent) {
            end = toHost(regions, end);
        }
        // What was received last is on the device then, too.
        context.driver().synchronizeStream(context.stream());
        team.exchange(parts(sending, sentBytes), parts(receiving, receivedBytes));
        end = receiving.address();
        for (var regions : received) {
            end = toDevice(regions, end);
        }
    }

    @Override
    public void gather(List<List<Region>> regions) {
        long longest = regions.stream().mapToLong(Region::bytes).max().orElse(0);
        long slice = Math.max(1, Math.min(longest, bucketBytes / team.size()));
        for (long from = 0; from < longest; from += slice) {
            long begin = from;
            long end = from + slice;
            gatherAtOnce(regions.stream().map(each -> Region.between(each, begin, end)).toList());
        }
    }

    private void gatherAtOnce(List<List<Region>> regions) {
        var bytes = regions.stream().mapToLong(Region::bytes).toArray();
        receiving = ensure(receiving, sum(bytes));
        long own = receiving.address();
        for (int member = 0; member < team.rank(); member++) {
            own += bytes[member];
        }
        toHost(regions.get(team.rank()), own);
        context.driver().synchronizeStream(context.stream());
        team.gather(slice(receiving, sum(bytes)), bytes);
        long place = receiving.address();
        for (int member = 0; member < bytes.length; member++) {
            if (member != team.rank()) {
                toDevice(regions.get(member), place);
            }
            place += bytes[member];
        }
    }

    /** What came has done so when a call returned. */
    @Override
    public void await() {}

    @Override
    public void agree() {
        team.barrier();
    }

    private long toHost(List<Region> regions, long host) {
        for (var region : regions) {
            context.driver().copyToHost(host, region.address(), region.bytes(), context.stream());
            host += region.bytes();
        }
        return host;
    }

    private long toDevice(List<Region> regions, long host) {
        for (var region : regions) {
            context.driver().copyToDevice(region.address(), host, region.bytes(), context.stream());
            host += region.bytes();
        }
        return host;
    }

    /** A buffer of at least so many bytes; a smaller one is freed when the device has done. */
    private PinnedBuffer ensure(@Nullable PinnedBuffer buffer, long bytes) {
        if (buffer != null && buffer.bytes() >= bytes) {
            return buffer;
        }
        var larger = PinnedBuffer.allocate(context.device(), Math.max(bytes, 1));
        if (buffer != null) {
            try {
                context.driver().synchronizeStream(context.stream());
            } catch (RuntimeException | Error e) {
                Cleanup.after(e, larger::close);
                throw e;
            }
            buffer.close();
        }
        return larger;
    }

    /** A piece for each member that gets some bytes, one after another in a buffer. */
    private static List<List<MemorySegment>> parts(PinnedBuffer buffer, long[] bytes) {
        var parts = new ArrayList<List<MemorySegment>>();
        long at = 0;
        for (long size : bytes) {
            parts.add(size == 0 ? List.of() : List.of(buffer.memory().asSlice(at, size)));
            at += size;
        }
        return parts;
    }

    private static MemorySegment slice(PinnedBuffer buffer, long bytes) {
        return buffer.memory().asSlice(0, bytes);
    }

    private static long sum(long[] numbers) {
        long sum = 0;
        for (long number : numbers) {
            sum += number;
        }
        return sum;
    }

    /** Frees the buffers; the stream's work must be done. */
    @Override
    public void close() {
        var cleanup = new Cleanup();
        for (var buffer : new PinnedBuffer[] {sending, receiving}) {
            if (buffer != null) {
                cleanup.keep(buffer);
            }
        }
        sending = null;
        receiving = null;
        cleanup.run();
    }
}
