package org.panoptim.cuda;

import static org.panoptim.abi.bindings.PanoptimPlan.PANOPTIM_BLOCK;

import static java.lang.foreign.ValueLayout.JAVA_INT;

import org.panoptim.abi.KernelRegistry;
import org.panoptim.abi.PlanKernels;
import org.panoptim.abi.PlanLayout;
import org.panoptim.abi.PlanRows;
import org.panoptim.abi.StatisticColumns;
import org.panoptim.cuda.device.DeviceContext;
import org.panoptim.cuda.device.DeviceSlab;
import org.panoptim.cuda.device.DeviceState;
import org.panoptim.cuda.device.Uploads;
import org.panoptim.cuda.team.ChunkColumns;
import org.panoptim.parameter.Parameter;
import org.panoptim.shard.Team;
import org.panoptim.spi.Cleanup;
import org.panoptim.spi.Lent;
import org.panoptim.spi.Shares;
import org.panoptim.spi.TensorSums;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.stream.IntStream;

/**
 * The tables of a plan in one piece of device memory. What the host writes lies at its beginning
 * and has an image on the host; the rest the device writes.
 */
final class DeviceTables implements AutoCloseable {

    /** 64 KiB of each array: a warp's block for each warp of a thread block. */
    static final long CHUNK_ELEMENTS = 4L * PANOPTIM_BLOCK();

    private final DeviceContext context;
    private final Arena arena = Arena.ofShared();
    private final DeviceStates states;
    private final Lent lent;
    private final Shares shares;
    private final PlanLayout layout;
    private final long memory;
    private final MemorySegment image;
    private final Map<KernelRegistry.Kernel, WorkList> chunkLists = new LinkedHashMap<>();
    private final Map<KernelRegistry.Kernel, WorkList> panelLists = new LinkedHashMap<>();

    /** The chunks that are measured here, where others are measured elsewhere. */
    private final Optional<WorkList> measured;

    /**
     * The chunks or panels of a rule.
     *
     * @param address of their numbers on the device; 0: the first ones of the tables
     */
    record WorkList(long address, long count) {}

    /**
     * Sends the tables of a plan.
     *
     * @param shares which part of each parameter is stepped here
     */
    DeviceTables(
            DeviceContext context,
            PlanKernels kernels,
            DeviceStates states,
            Lent lent,
            Shares shares) {
        this.context = context;
        this.states = states;
        this.lent = lent;
        this.shares = shares;
        var chunks = byKernel(kernels, this::chunks);
        var panels = byKernel(kernels, this::panels);
        var own =
                shares.team()
                        .map(
                                team ->
                                        chunksOf(PlanRows.parameters(kernels.groups()), team.rank())
                                                .toArray());
        long lists =
                listBytes(chunks)
                        + listBytes(panels)
                        + (long) Integer.BYTES * own.map(list -> list.length).orElse(0);
        layout = new PlanLayout(kernels, CHUNK_ELEMENTS, lists);
        memory = DeviceSlab.allocate(context, layout.bytes());
        try {
            image = arena.allocate(layout.hostBytes(), PlanLayout.ALIGNMENT);
            writeGroups(kernels);
            layout.writeTensors(image, kernels, states, lent, memory);
            long end = writeLists(chunks, chunkLists, layout.extra().offset());
            long last = writeLists(panels, panelLists, end);
            measured = own.map(list -> writeForwards(list, last));
            synchronized (context.copies()) {
                context.copies().toDevice(memory, image, context.stream());
            }
            clearStatistics();
        } catch (RuntimeException | Error e) {
            Cleanup.after(e, this::close);
            throw e;
        }
    }

    private void clearStatistics() {
        var span = layout.statistics();
        if (span.bytes() == 0) {
            return;
        }
        try (var temporary = Arena.ofConfined()) {
            var columns = temporary.allocate(span.bytes(), Double.BYTES);
            StatisticColumns.clear(columns);
            DeviceState.write(context, memory + span.offset(), columns);
            context.driver().synchronizeStream(context.stream());
        }
    }

    /** Takes up what is known of tensors, after which there are only more in these tables. */
    void takeUp(DeviceTables old) {
        copy(old, old.layout.counts(), layout.counts());
        var from = old.layout.statisticColumns();
        for (int column = 0; column < from.size(); column++) {
            copy(old, from.get(column), layout.statisticColumns().get(column));
        }
    }

    private void copy(DeviceTables old, PlanLayout.TableSpan from, PlanLayout.TableSpan to) {
        if (from.bytes() > 0) {
            context.driver()
                    .copyOnDevice(
                            memory + to.offset(),
                            old.memory + from.offset(),
                            from.bytes(),
                            context.stream());
        }
    }

    /** What statistics have found, behind all work of the stream. */
    List<TensorSums> statistics() {
        var span = layout.statistics();
        if (span.bytes() == 0) {
            return List.of();
        }
        try (var temporary = Arena.ofConfined()) {
            var columns = temporary.allocate(span.bytes(), Double.BYTES);
            DeviceState.read(context, memory + span.offset(), columns);
            return StatisticColumns.read(columns);
        }
    }

    /** The pieces of work that a group's parameter is. */
    private interface Pieces {
        Pieces.Span of(PlanKernels kernels, int group, int parameter);

        /**
         * Those that are done here.
         *
         * @param all how many the whole parameter is
         */
        record Span(long from, long to, long all) {}
    }

    private Pieces.Span chunks(PlanKernels kernels, int group, int place) {
        var parameter = kernels.groups().get(group).parameters().get(place);
        return new Pieces.Span(
                chunks(shares.begin(parameter)),
                chunks(shares.end(parameter)),
                chunks(parameter.elements()));
    }

    /** Of a parameter that is summed over rows or columns a member owns all or nothing. */
    private Pieces.Span panels(PlanKernels kernels, int group, int place) {
        var parameter = kernels.groups().get(group).parameters().get(place);
        long panels = kernels.panels(group, place);
        boolean own = shares.end(parameter) > shares.begin(parameter);
        return new Pieces.Span(0, own ? panels : 0, panels);
    }

    private static long chunks(long elements) {
        return Math.ceilDiv(elements, CHUNK_ELEMENTS);
    }

    /** The chunks of a member of a team, in their order. */
    private IntStream chunksOf(List<Parameter> parameters, int member) {
        var found = IntStream.builder();
        int first = 0;
        for (var parameter : parameters) {
            int from = Math.toIntExact(chunks(shares.begin(parameter, member)));
            int to = Math.toIntExact(chunks(shares.begin(parameter, member + 1)));
            for (int chunk = from; chunk < to; chunk++) {
                found.add(first + chunk);
            }
            first += Math.toIntExact(chunks(parameter.elements()));
        }
        return found.build();
    }

    /** The numbers of the pieces of each kernel. */
    private static Map<KernelRegistry.Kernel, List<Integer>> byKernel(
            PlanKernels kernels, Pieces pieces) {
        var groups = kernels.groups();
        var numbers = new LinkedHashMap<KernelRegistry.Kernel, List<Integer>>();
        int first = 0;
        for (int group = 0; group < groups.size(); group++) {
            // Without parameters too: the rule's states are settled in every phase.
            numbers.computeIfAbsent(kernels.ofGroup(group), _ -> new ArrayList<>());
            var parameters = groups.get(group).parameters();
            for (int place = 0; place < parameters.size(); place++) {
                var kernel = kernels.ofParameter(group, place);
                var list = numbers.computeIfAbsent(kernel, _ -> new ArrayList<>());
                var span = pieces.of(kernels, group, place);
                for (long piece = span.from(); piece < span.to(); piece++) {
                    list.add(Math.toIntExact(first + piece));
                }
                first = Math.toIntExact(first + span.all());
            }
        }
        return numbers;
    }

    private static long listBytes(Map<KernelRegistry.Kernel, List<Integer>> numbers) {
        return numbers.values().stream()
                .mapToLong(list -> (long) Integer.BYTES * list.size())
                .sum();
    }

    /**
     * Writes each rule's chunks or panels from the last to the first. The norm's pass goes through
     * chunks from the first to the last, so that the update finds what was read last in the
     * device's cache.
     *
     * @param begin the position in the tables
     * @return the position behind them
     */
    private long writeLists(
            Map<KernelRegistry.Kernel, List<Integer>> numbers,
            Map<KernelRegistry.Kernel, WorkList> lists,
            long begin) {
        long position = begin;
        for (var entry : numbers.entrySet()) {
            lists.put(entry.getKey(), new WorkList(memory + position, entry.getValue().size()));
            for (int number : entry.getValue().reversed()) {
                image.set(JAVA_INT, position, number);
                position += Integer.BYTES;
            }
        }
        return position;
    }

    private WorkList writeForwards(int[] numbers, long begin) {
        MemorySegment.copy(numbers, 0, image, JAVA_INT, begin, numbers.length);
        return new WorkList(memory + begin, numbers.length);
    }

    /** Writes rules and hyper-parameters of the groups that the tables were built for. */
    void writeGroups(PlanKernels kernels) {
        layout.writeGroups(image, kernels, states, lent, memory);
    }

    /** Sends what {@link #writeGroups} wrote, with a rule's own code; makes the context current. */
    void sendGroups(Uploads uploads) {
        context.enter();
        uploads.send(memory, image.asSlice(0, layout.groupBytes()), context.stream());
    }

    /** Sends the addresses of gradients and curvatures. */
    void sendAddresses(Uploads uploads, long stream) {
        uploads.send(memory + addressesBegin(), addresses(), stream);
    }

    /** Lets a graph send them as they are now whenever it runs, from the slot that is returned. */
    MemorySegment sendAddressesCaptured(Uploads uploads, long stream) {
        return uploads.sendCaptured(memory + addressesBegin(), addresses(), stream);
    }

    private long addressesBegin() {
        return layout.gradients().offset();
    }

    private MemorySegment addresses() {
        return image.asSlice(addressesBegin());
    }

    /** The most bytes that are sent at a time. */
    long uploadBytes() {
        return Math.max(layout.groupBytes(), addressBytes());
    }

    /** The bytes that {@link #sendAddresses} sends. */
    long addressBytes() {
        return layout.hostBytes() - addressesBegin();
    }

    /** Fills the plan of a launch. */
    void describe(MemorySegment plan, long control, long schedule) {
        layout.describe(plan, memory, control, schedule, ScheduleRing.ENTRIES);
    }

    /** All parameters, in registration order. */
    List<Parameter> parameters() {
        return layout.parameters();
    }

    /** The chunks that are measured here, where others are measured elsewhere. */
    Optional<WorkList> measured() {
        return measured;
    }

    /**
     * What chunks leave of sums on the device, of which each member of a team has its own: the
     * places of their chunks in every column.
     */
    ChunkColumns columns(Team team) {
        var runs = new ArrayList<List<ChunkColumns.Run>>();
        for (int member = 0; member < team.size(); member++) {
            runs.add(ChunkColumns.runs(chunksOf(parameters(), member).toArray()));
        }
        return new ChunkColumns(memory + layout.partials().offset(), chunkCount(), runs);
    }

    /** The number of chunks of all parameters. */
    int chunkCount() {
        return layout.chunkCount();
    }

    /** The kernels of the groups' rules, and what each has to go over. */
    Map<KernelRegistry.Kernel, WorkList> chunkLists() {
        return chunkLists;
    }

    /** What a phase of a kernel goes over: its chunks, or panels where it sums over rows. */
    WorkList work(KernelRegistry.Kernel kernel, int phase) {
        return Objects.requireNonNull(
                (kernel.sumsOverLines(phase) ? panelLists : chunkLists).get(kernel));
    }

    /** The host's image of gradient addresses, one a tensor. */
    MemorySegment gradients() {
        return layout.gradients().in(image);
    }

    /** The host's image of curvature addresses, one a tensor. */
    MemorySegment curvatures() {
        return layout.curvatures().in(image);
    }

    /** The device's address of the counts, 8 bytes a tensor. */
    long counts() {
        return memory + layout.counts().offset();
    }

    /** The size of the counts. */
    long countBytes() {
        return layout.counts().bytes();
    }

    @Override
    public void close() {
        Cleanup.all(arena::close, () -> context.driver().free(memory, context.stream()));
    }
}
