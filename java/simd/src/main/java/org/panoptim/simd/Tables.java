package org.panoptim.simd;

import static org.panoptim.abi.bindings.PanoptimPlan.PANOPTIM_BLOCK;

import org.panoptim.abi.PlanKernels;
import org.panoptim.abi.PlanLayout;
import org.panoptim.abi.StatisticColumns;
import org.panoptim.abi.bindings.panoptim_plan;
import org.panoptim.abi.bindings.panoptim_schedule_entry;
import org.panoptim.parameter.Parameter;
import org.panoptim.shard.Team;
import org.panoptim.spi.HostStates;
import org.panoptim.spi.Lent;
import org.panoptim.spi.Shares;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.stream.IntStream;

/**
 * The native tables of a plan: groups, tensors, chunks and space for what a step computes. They
 * depend on sizes and addresses of parameters and states only, so they are built once for a list of
 * groups.
 */
final class Tables implements AutoCloseable {

    /**
     * 256 KiB of each array: large against a call's cost, small against a cache and a thread's
     * share.
     */
    static final long CHUNK_ELEMENTS = 16L * PANOPTIM_BLOCK();

    /** So many spans leave a thread that begins late with a fair share of a small step. */
    private static final int MANY_SPANS = 32;

    /** Some microseconds of work: large against the cost of claiming a span. */
    private static final long LEAST_SPAN_ELEMENTS = PANOPTIM_BLOCK();

    /** What one thread takes longer for than another takes to wake up. */
    private static final long LARGE_ELEMENTS = 1L << 18;

    private final Arena arena = Arena.ofShared();
    private final PlanLayout layout;
    private final HostStates states;
    private final Lent lent;
    private final MemorySegment memory;
    private final MemorySegment gradients;
    private final MemorySegment curvatures;
    private final MemorySegment counts;
    private final MemorySegment schedule = panoptim_schedule_entry.allocate(arena);
    private final MemorySegment plan = panoptim_plan.allocate(arena);
    private final Shares shares;
    private final Spans spans;
    private final Spans panelSpans;
    private final boolean large;

    Tables(
            PlanKernels kernels,
            HostStates states,
            Lent lent,
            Shares shares,
            MemorySegment control) {
        this.shares = shares;
        this.states = states;
        this.lent = lent;
        try {
            layout = new PlanLayout(kernels, CHUNK_ELEMENTS, 0);
            memory = arena.allocate(layout.bytes(), PlanLayout.ALIGNMENT);
            gradients = layout.gradients().in(memory);
            curvatures = layout.curvatures().in(memory);
            counts = layout.counts().in(memory);
            layout.writeTensors(memory, kernels, states, lent, memory.address());
            layout.describe(plan, memory.address(), control.address(), schedule.address(), 1);
            large = elements() >= LARGE_ELEMENTS;
            spans = chunkSpans();
            panelSpans = panelSpans(kernels);
            writeGroups(kernels);
            StatisticColumns.clear(statistics());
        } catch (RuntimeException | Error e) {
            arena.close();
            throw e;
        }
    }

    /** Those that are stepped here. */
    private long elements() {
        return layout.parameters().stream()
                .mapToLong(parameter -> shares.end(parameter) - shares.begin(parameter))
                .sum();
    }

    /** Spans of consecutive chunks that together have at least a span's elements. */
    private Spans chunkSpans() {
        double wanted = Math.clamp(elements() / MANY_SPANS, LEAST_SPAN_ELEMENTS, CHUNK_ELEMENTS);
        var found = new Spans.Builder(wanted);
        for (var parameter : layout.parameters()) {
            for (long from = 0; from < parameter.elements(); from += CHUNK_ELEMENTS) {
                boolean own = shares.begin(parameter) <= from && from < shares.end(parameter);
                found.add(own, Math.min(CHUNK_ELEMENTS, parameter.elements() - from));
            }
        }
        return found.build();
    }

    /** The chunks of each member of a team. */
    int[][] chunksOfMembers(Team team) {
        var all = new int[team.size()][];
        for (int member = 0; member < all.length; member++) {
            var found = IntStream.builder();
            int first = 0;
            for (var parameter : layout.parameters()) {
                int from = chunks(shares.begin(parameter, member));
                int to = chunks(shares.begin(parameter, member + 1));
                for (int chunk = from; chunk < to; chunk++) {
                    found.add(first + chunk);
                }
                first += chunks(parameter.elements());
            }
            all[member] = found.build().toArray();
        }
        return all;
    }

    private static int chunks(long elements) {
        return Math.toIntExact(Math.ceilDiv(elements, CHUNK_ELEMENTS));
    }

    /** Columns of sums of chunks, one double a chunk. */
    MemorySegment partials() {
        return layout.partials().in(memory);
    }

    /** The same of panels, which are of many sizes: those of a parameter share its elements. */
    private Spans panelSpans(PlanKernels kernels) {
        var found = new Spans.Builder(LEAST_SPAN_ELEMENTS);
        for (int group = 0; group < kernels.groups().size(); group++) {
            var parameters = kernels.groups().get(group).parameters();
            for (int i = 0; i < parameters.size(); i++) {
                var parameter = parameters.get(i);
                boolean own = shares.end(parameter) > shares.begin(parameter);
                long panels = kernels.panels(group, i);
                for (long panel = 0; panel < panels; panel++) {
                    found.add(own, (double) parameter.elements() / panels);
                }
            }
        }
        return found.build();
    }

    /** Writes rules and hyper-parameters of the groups that the tables were built for. */
    void writeGroups(PlanKernels kernels) {
        layout.writeGroups(memory, kernels, states, lent, memory.address());
    }

    /** The plan's address as a segment that costs nothing to pass. */
    MemorySegment plan() {
        return MemorySegment.ofAddress(plan.address());
    }

    /** The plan, to be copied. */
    MemorySegment planMemory() {
        return plan;
    }

    /** What statistics have found. */
    MemorySegment statistics() {
        return layout.statistics().in(memory);
    }

    /** Takes up what is known of tensors, after which there are only more in these tables. */
    void takeUp(Tables old) {
        MemorySegment.copy(old.counts(), 0, counts, 0, old.counts().byteSize());
        var from = old.layout.statisticColumns();
        var to = layout.statisticColumns();
        for (int column = 0; column < from.size(); column++) {
            long bytes = from.get(column).bytes();
            to.get(column).in(memory).asSlice(0, bytes).copyFrom(from.get(column).in(old.memory));
        }
    }

    /** All parameters, in registration order. */
    List<Parameter> parameters() {
        return layout.parameters();
    }

    /** Gradient addresses, one a tensor. */
    MemorySegment gradients() {
        return gradients;
    }

    /** Curvature addresses, one a tensor. */
    MemorySegment curvatures() {
        return curvatures;
    }

    /** Steps taken, one count a tensor. */
    MemorySegment counts() {
        return counts;
    }

    /** The schedule's entry for the coming step. */
    MemorySegment schedule() {
        return schedule;
    }

    /** Whether a step is worth waking a thread for. */
    boolean isLarge() {
        return large;
    }

    /** The pieces of work that threads claim: chunks. */
    Spans spans() {
        return spans;
    }

    /** The same of panels. */
    Spans panelSpans() {
        return panelSpans;
    }

    @Override
    public void close() {
        arena.close();
    }
}
