package org.panoptim.abi;

import static org.panoptim.abi.Layouts.ARRAYS_BYTES;
import static org.panoptim.abi.Layouts.PREPARED_BYTES;
import static org.panoptim.abi.Layouts.TENSOR_BYTES;
import static org.panoptim.abi.Layouts.pointer;
import static org.panoptim.abi.bindings.PanoptimPlan.PANOPTIM_FIRST_STATISTIC;
import static org.panoptim.abi.bindings.PanoptimPlan.PANOPTIM_PARTIALS;
import static org.panoptim.abi.bindings.PanoptimPlan.PANOPTIM_STATISTICS;
import static org.panoptim.abi.bindings.PanoptimPlan.PANOPTIM_TOTALS;

import org.panoptim.abi.bindings.panoptim_chunk;
import org.panoptim.abi.bindings.panoptim_group;
import org.panoptim.abi.bindings.panoptim_panel;
import org.panoptim.abi.bindings.panoptim_plan;
import org.panoptim.parameter.Parameter;
import org.panoptim.spi.Lent;
import org.panoptim.spi.StateAddresses;

import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.stream.LongStream;

/**
 * The offsets of a plan's tables in one piece of memory, the host's or a device's. The tables that
 * the host writes come first; the step writes the rest. The layout depends only on the sizes of
 * groups and parameters.
 */
public final class PlanLayout {

    /** What the memory and every table in it are aligned to: good for any access. */
    public static final long ALIGNMENT = 256;

    private final List<Parameter> parameters;
    private final long chunkElements;
    private final int chunkCount;
    private final int panelCount;

    private final TableSpan groups;
    private final TableSpan[] hypers;
    private final TableSpan tensors;
    private final TableSpan arrays;
    private final TableSpan chunks;
    private final TableSpan panels;
    private final TableSpan extra;
    private final TableSpan gradients;
    private final TableSpan curvatures;
    private final TableSpan counts;
    private final TableSpan prepared;
    private final TableSpan preparedIndex;
    private final TableSpan partials;
    private final TableSpan totals;
    private final TableSpan statistics;
    private final TableSpan lineSums;
    private final long groupBytes;
    private final long hostBytes;
    private long end;

    /**
     * The span of a table.
     *
     * @param offset from the beginning of the memory
     * @param bytes its size
     */
    public record TableSpan(long offset, long bytes) {

        /** The table in that memory. */
        public MemorySegment in(MemorySegment memory) {
            return memory.asSlice(offset, bytes);
        }
    }

    /**
     * Lays the tables out.
     *
     * @param chunkElements the size of chunks
     * @param extraBytes of an extra table that is private to the backend; the host writes it
     */
    public PlanLayout(PlanKernels kernels, long chunkElements, long extraBytes) {
        this.chunkElements = chunkElements;
        var groups = kernels.groups();
        parameters = PlanRows.parameters(groups);
        chunkCount = PlanRows.chunkCount(parameters, chunkElements);
        panelCount = PlanRows.panelCount(kernels);
        long tensorCount = parameters.size();
        this.groups = next(groups.size() * panoptim_group.sizeof());
        hypers = new TableSpan[groups.size()];
        for (int i = 0; i < hypers.length; i++) {
            hypers[i] = next(kernels.ofGroup(i).hyperBytes());
        }
        groupBytes = end;
        tensors = next(tensorCount * TENSOR_BYTES);
        arrays = next(parameters.stream().filter(ArrayRows::has).count() * ARRAYS_BYTES);
        chunks = next(chunkCount * panoptim_chunk.sizeof());
        panels = next(panelCount * panoptim_panel.sizeof());
        extra = next(extraBytes);
        gradients = next(Long.BYTES * tensorCount);
        curvatures = next(Long.BYTES * tensorCount);
        hostBytes = end;
        counts = next(Long.BYTES * tensorCount);
        // One entry more than tensors: the step may keep one for all that are not updated.
        prepared = next((tensorCount + 1) * PREPARED_BYTES);
        preparedIndex = next(Integer.BYTES * tensorCount);
        partials = next((long) Double.BYTES * chunkCount * PANOPTIM_PARTIALS());
        totals = next(Double.BYTES * tensorCount * PANOPTIM_TOTALS());
        statistics =
                new TableSpan(
                        totals.offset() + Double.BYTES * tensorCount * PANOPTIM_FIRST_STATISTIC(),
                        Double.BYTES * tensorCount * PANOPTIM_STATISTICS());
        lineSums = next(PlanRows.lineSumBytes(kernels));
    }

    private TableSpan next(long bytes) {
        var span = new TableSpan(end, bytes);
        end += aligned(bytes);
        return span;
    }

    private static long aligned(long bytes) {
        return Math.ceilDiv(bytes, ALIGNMENT) * ALIGNMENT;
    }

    /** All parameters, in registration order. */
    public List<Parameter> parameters() {
        return parameters;
    }

    /** The number of chunks of all parameters. */
    public int chunkCount() {
        return chunkCount;
    }

    /** The number of panels of the parameters whose rules sum over rows or columns. */
    public int panelCount() {
        return panelCount;
    }

    /** The size of all tables. */
    public long bytes() {
        return end;
    }

    /** The size of those that the host writes, which come first. */
    public long hostBytes() {
        return hostBytes;
    }

    /** The size of groups and hyper-parameters, which come first of all. */
    public long groupBytes() {
        return groupBytes;
    }

    /** The extra table that is private to the backend. */
    public TableSpan extra() {
        return extra;
    }

    /** Gradient addresses, one a tensor; the last but one of what the host writes. */
    public TableSpan gradients() {
        return gradients;
    }

    /** Curvature addresses, one a tensor; the last of what the host writes. */
    public TableSpan curvatures() {
        return curvatures;
    }

    /** Steps taken, one count a tensor. */
    public TableSpan counts() {
        return counts;
    }

    /** Sums of chunks: a column for each sum, in it a double for each chunk. */
    public TableSpan partials() {
        return partials;
    }

    /** What statistics have found, as {@link StatisticColumns} has it. */
    public TableSpan statistics() {
        return statistics;
    }

    /** The columns of the statistics, one after the other. */
    public List<TableSpan> statisticColumns() {
        long bytes = (long) Double.BYTES * parameters.size();
        return LongStream.range(0, PANOPTIM_STATISTICS())
                .mapToObj(column -> new TableSpan(statistics.offset() + column * bytes, bytes))
                .toList();
    }

    /**
     * Writes the rows of tensors, chunks and panels.
     *
     * @param host the tables, or the host's copy of those that it writes
     * @param lent what companions lend, at addresses of their reader
     * @param address of the tables for their reader
     */
    public void writeTensors(
            MemorySegment host,
            PlanKernels kernels,
            StateAddresses states,
            Lent lent,
            long address) {
        var arrayRows = new ArrayRows(arrays.in(host), address + arrays.offset());
        PlanRows.writeTensors(
                tensors.in(host),
                kernels,
                chunkElements,
                states,
                lent,
                arrayRows,
                address + lineSums.offset());
        PlanRows.writeChunks(chunks.in(host), parameters, chunkElements);
        PlanRows.writePanels(panels.in(host), kernels);
    }

    /**
     * Writes rules and hyper-parameters of groups like those that were laid out.
     *
     * @param host the tables, or the host's copy of those that it writes
     * @param lent what companions lend, at addresses of their reader
     * @param address of the tables for their reader
     */
    public void writeGroups(
            MemorySegment host,
            PlanKernels kernels,
            StateAddresses states,
            Lent lent,
            long address) {
        long firstTensor = 0;
        for (int i = 0; i < hypers.length; i++) {
            kernels.writeHyper(i, hypers[i].in(host));
            PlanRows.writeGroup(
                    panoptim_group.asSlice(groups.in(host), i),
                    kernels.groups().get(i),
                    kernels.ofGroup(i),
                    states,
                    lent,
                    firstTensor,
                    address + hypers[i].offset());
            firstTensor += kernels.groups().get(i).parameters().size();
        }
    }

    /**
     * Fills a {@code panoptim_plan}.
     *
     * @param address of the tables for the plan's reader
     * @param control of the {@code panoptim_control}
     * @param schedule of the schedule's entries
     * @param entries how many these are
     */
    public void describe(
            MemorySegment plan, long address, long control, long schedule, int entries) {
        pointer(plan, panoptim_plan.groups$offset(), address + groups.offset());
        pointer(plan, panoptim_plan.tensors$offset(), address + tensors.offset());
        pointer(plan, panoptim_plan.chunks$offset(), address + chunks.offset());
        pointer(plan, panoptim_plan.gradients$offset(), address + gradients.offset());
        pointer(plan, panoptim_plan.curvatures$offset(), address + curvatures.offset());
        pointer(plan, panoptim_plan.schedule$offset(), schedule);
        pointer(plan, panoptim_plan.counts$offset(), address + counts.offset());
        pointer(plan, panoptim_plan.prepared$offset(), address + prepared.offset());
        pointer(plan, panoptim_plan.prepared_index$offset(), address + preparedIndex.offset());
        pointer(plan, panoptim_plan.partials$offset(), address + partials.offset());
        pointer(plan, panoptim_plan.totals$offset(), address + totals.offset());
        pointer(plan, panoptim_plan.control$offset(), control);
        pointer(plan, panoptim_plan.panels$offset(), address + panels.offset());
        panoptim_plan.group_count(plan, hypers.length);
        panoptim_plan.tensor_count(plan, parameters.size());
        panoptim_plan.chunk_count(plan, chunkCount);
        panoptim_plan.panel_count(plan, panelCount);
        panoptim_plan.chunk_elements(plan, chunkElements);
        panoptim_plan.schedule_entries(plan, entries);
    }
}
