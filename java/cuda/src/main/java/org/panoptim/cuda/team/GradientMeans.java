package org.panoptim.cuda.team;

import org.panoptim.cuda.device.DeviceContext;
import org.panoptim.cuda.device.DeviceSlab;
import org.panoptim.cuda.team.SumKernel.Elements;
import org.panoptim.cuda.team.SumKernel.Rows;
import org.panoptim.parameter.Parameter;
import org.panoptim.shard.Team;
import org.panoptim.spi.Shares;

import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;

/**
 * Brings gradients to their owners, who add them up: every member's by adjacent pairs, in float32,
 * and then divided by the number of leaves. They travel as they are, bucket by bucket; a row of
 * what each other member has is received at a time.
 */
final class GradientMeans implements AutoCloseable {

    /** So much memory is needed for what is received. */
    private static final long BUCKET_BYTES = 64L << 20;

    /** Of the pieces that lie in a row, for whole vectors. */
    private static final long ALIGNMENT = 16;

    private final DeviceContext context;
    private final Team team;
    private final Transport transport;
    private final SumKernel kernel;
    private final long bucketBytes;
    private long buffer;
    private long bufferBytes;

    /** Elements of a parameter, from one on to before another. */
    private record Stretch(Parameter parameter, long from, long to) {

        long elements() {
            return to - from;
        }
    }

    GradientMeans(DeviceContext context, Team team, Transport transport, SumKernel kernel) {
        this(context, team, transport, kernel, BUCKET_BYTES);
    }

    /**
     * @param bucketBytes what is received at a time, of floats
     */
    GradientMeans(
            DeviceContext context,
            Team team,
            Transport transport,
            SumKernel kernel,
            long bucketBytes) {
        this.context = context;
        this.team = team;
        this.transport = transport;
        this.kernel = kernel;
        this.bucketBytes = bucketBytes;
    }

    /**
     * Means over leaves.
     *
     * @param from what this member has of a parameter: a leaf, or the sum of its leaves
     * @param to where the owner has the mean
     * @param leaves of all members
     */
    void run(
            Shares shares,
            List<Parameter> parameters,
            Function<Parameter, Elements> from,
            Function<Parameter, Elements> to,
            int leaves) {
        var stretches = new ArrayList<List<Stretch>>();
        long longest = 0;
        for (int member = 0; member < team.size(); member++) {
            var ofMember = stretches(shares, parameters, member);
            longest = Math.max(longest, elements(ofMember));
            stretches.add(ofMember);
        }
        long slice = Math.max(1, bucketBytes / Float.BYTES / team.size());
        for (long first = 0; first < longest; first += slice) {
            var pieces = new ArrayList<List<Stretch>>();
            for (var ofMember : stretches) {
                pieces.add(between(ofMember, first, first + slice));
            }
            run(pieces, from, to, 1f / leaves);
        }
    }

    private void run(
            List<List<Stretch>> pieces,
            Function<Parameter, Elements> from,
            Function<Parameter, Elements> to,
            float weight) {
        var own = pieces.get(team.rank());
        var rows = new ArrayList<Rows>();
        long place = 0;
        for (var piece : own) {
            var source = from.apply(piece.parameter());
            rows.add(
                    new Rows(
                            to.apply(piece.parameter()).from(piece.from()),
                            source.from(piece.from()),
                            new Elements(place, source.type()),
                            0,
                            piece.elements()));
            long bytes = piece.elements() * source.type().byteSize();
            place += Math.ceilDiv(bytes, ALIGNMENT) * ALIGNMENT;
        }
        long stride = place;
        ensure(team.size() == 1 ? 0 : stride * team.size());
        rows.replaceAll(each -> at(each, stride));
        if (team.size() > 1) {
            var sent = new ArrayList<List<Region>>();
            var received = new ArrayList<List<Region>>();
            for (int member = 0; member < team.size(); member++) {
                boolean other = member != team.rank();
                sent.add(other ? sources(pieces.get(member), from) : List.of());
                received.add(other ? targets(rows, member * stride) : List.of());
            }
            transport.exchange(sent, received);
        }
        kernel.run(rows, team.size(), team.rank(), weight, false);
    }

    /** Rows whose places in the buffer are known. */
    private Rows at(Rows rows, long stride) {
        var first = new Elements(buffer + rows.rows().address(), rows.rows().type());
        return new Rows(rows.to(), rows.own(), first, stride, rows.elements());
    }

    private static List<Region> sources(List<Stretch> pieces, Function<Parameter, Elements> from) {
        return pieces.stream()
                .map(
                        piece -> {
                            var source = from.apply(piece.parameter());
                            return new Region(
                                    source.from(piece.from()).address(),
                                    piece.elements() * source.type().byteSize());
                        })
                .toList();
    }

    private static List<Region> targets(List<Rows> rows, long offset) {
        return rows.stream()
                .map(
                        each ->
                                new Region(
                                        each.rows().address() + offset,
                                        each.elements() * each.rows().type().byteSize()))
                .toList();
    }

    private static List<Stretch> stretches(Shares shares, List<Parameter> parameters, int member) {
        var found = new ArrayList<Stretch>();
        for (var parameter : parameters) {
            long from = shares.begin(parameter, member);
            long to = shares.begin(parameter, member + 1);
            if (to > from) {
                found.add(new Stretch(parameter, from, to));
            }
        }
        return found;
    }

    private static long elements(List<Stretch> stretches) {
        return stretches.stream().mapToLong(Stretch::elements).sum();
    }

    /** What of stretches that lie one after another is between two positions. */
    private static List<Stretch> between(List<Stretch> stretches, long from, long to) {
        var found = new ArrayList<Stretch>();
        long begin = 0;
        for (var stretch : stretches) {
            long first = Math.max(from, begin);
            long last = Math.min(to, begin + stretch.elements());
            if (first < last) {
                long moved = stretch.from() - begin;
                found.add(new Stretch(stretch.parameter(), first + moved, last + moved));
            }
            begin += stretch.elements();
        }
        return found;
    }

    private void ensure(long bytes) {
        if (bytes > bufferBytes) {
            long larger = DeviceSlab.allocate(context, bytes);
            close();
            buffer = larger;
            bufferBytes = bytes;
        }
    }

    /** Frees the buffer, behind the work that is queued. */
    @Override
    public void close() {
        if (buffer != 0) {
            context.driver().free(buffer, context.stream());
            buffer = 0;
            bufferBytes = 0;
        }
    }
}
