package org.panoptim.simd;

import static org.panoptim.abi.Layouts.ALIGNMENT;
import static org.panoptim.abi.Layouts.PREPARED_BYTES;
import static org.panoptim.abi.Layouts.TENSOR_BYTES;
import static org.panoptim.abi.Layouts.pointer;
import static org.panoptim.abi.bindings.PanoptimPlan.PANOPTIM_BLOCK;
import static org.panoptim.abi.bindings.PanoptimPlan.PANOPTIM_PARTIALS;
import static org.panoptim.abi.bindings.PanoptimPlan.PANOPTIM_TOTALS;

import org.panoptim.Parameter;
import org.panoptim.ParameterGroup;
import org.panoptim.abi.KernelRegistry;
import org.panoptim.abi.PlanRows;
import org.panoptim.abi.bindings.panoptim_chunk;
import org.panoptim.abi.bindings.panoptim_group;
import org.panoptim.abi.bindings.panoptim_plan;
import org.panoptim.abi.bindings.panoptim_schedule_entry;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;

/**
 * The native tables of a plan: groups, tensors, chunks and room for what a step computes. They
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

    private final Arena arena = Arena.ofShared();
    private final List<Parameter> parameters;
    private final MemorySegment groups;
    private final MemorySegment gradients;
    private final MemorySegment curvatures;
    private final MemorySegment counts;
    private final MemorySegment schedule;
    private final MemorySegment plan;
    private final long[] spans;
    private final MemorySegment[] hyper;

    Tables(
            List<ParameterGroup> groups,
            KernelRegistry rules,
            TensorStates states,
            MemorySegment control) {
        parameters = PlanRows.parameters(groups);
        int tensorCount = parameters.size();
        int chunkCount = PlanRows.chunkCount(parameters, CHUNK_ELEMENTS);
        var tensors = arena.allocate(tensorCount * TENSOR_BYTES, ALIGNMENT);
        PlanRows.writeTensors(
                tensors,
                groups,
                CHUNK_ELEMENTS,
                (parameter, slot) -> states.segment(parameter, slot).address());
        var chunks = panoptim_chunk.allocateArray(chunkCount, arena);
        PlanRows.writeChunks(chunks, parameters, CHUNK_ELEMENTS);
        this.groups = panoptim_group.allocateArray(groups.size(), arena);
        hyper = new MemorySegment[groups.size()];
        for (int i = 0; i < hyper.length; i++) {
            hyper[i] = arena.allocate(rules.kernel(groups.get(i).rule()).hyper());
        }
        gradients = arena.allocate(ValueLayout.JAVA_LONG, tensorCount);
        curvatures = arena.allocate(ValueLayout.JAVA_LONG, tensorCount);
        counts = arena.allocate(ValueLayout.JAVA_LONG, tensorCount);
        schedule = panoptim_schedule_entry.allocate(arena);
        plan = panoptim_plan.allocate(arena);
        pointer(plan, panoptim_plan.groups$offset(), this.groups.address());
        pointer(plan, panoptim_plan.tensors$offset(), tensors.address());
        pointer(plan, panoptim_plan.chunks$offset(), chunks.address());
        pointer(plan, panoptim_plan.gradients$offset(), gradients.address());
        pointer(plan, panoptim_plan.curvatures$offset(), curvatures.address());
        pointer(plan, panoptim_plan.schedule$offset(), schedule.address());
        pointer(plan, panoptim_plan.counts$offset(), counts.address());
        // One entry more than tensors: native code may keep one for all that are not updated.
        pointer(
                plan,
                panoptim_plan.prepared$offset(),
                arena.allocate((tensorCount + 1) * PREPARED_BYTES, ALIGNMENT).address());
        pointer(
                plan,
                panoptim_plan.prepared_index$offset(),
                arena.allocate(ValueLayout.JAVA_INT, tensorCount).address());
        pointer(
                plan,
                panoptim_plan.partials$offset(),
                doubles((long) chunkCount * PANOPTIM_PARTIALS()).address());
        pointer(
                plan,
                panoptim_plan.totals$offset(),
                doubles((long) tensorCount * PANOPTIM_TOTALS()).address());
        pointer(plan, panoptim_plan.control$offset(), control.address());
        panoptim_plan.group_count(plan, groups.size());
        panoptim_plan.tensor_count(plan, tensorCount);
        panoptim_plan.chunk_count(plan, chunkCount);
        panoptim_plan.chunk_elements(plan, CHUNK_ELEMENTS);
        panoptim_plan.schedule_entries(plan, 1);
        spans = spans(chunkCount);
        writeGroups(groups, rules);
    }

    private MemorySegment doubles(long count) {
        return arena.allocate(ValueLayout.JAVA_DOUBLE, count);
    }

    /** Boundaries of spans: consecutive chunks that together have at least a span's elements. */
    private long[] spans(int chunkCount) {
        long total = parameters.stream().mapToLong(Parameter::elements).sum();
        long wanted = Math.clamp(total / MANY_SPANS, LEAST_SPAN_ELEMENTS, CHUNK_ELEMENTS);
        var boundaries = new ArrayList<Long>();
        boundaries.add(0L);
        long chunk = 0;
        long elements = 0;
        for (var parameter : parameters) {
            for (long rest = parameter.elements(); rest > 0; rest -= CHUNK_ELEMENTS) {
                elements += Math.min(rest, CHUNK_ELEMENTS);
                chunk++;
                if (elements >= wanted) {
                    boundaries.add(chunk);
                    elements = 0;
                }
            }
        }
        if (boundaries.getLast() < chunkCount) {
            boundaries.add((long) chunkCount);
        }
        return boundaries.stream().mapToLong(Long::longValue).toArray();
    }

    /** Writes rules and hyper-parameters of the groups that the tables were built for. */
    void writeGroups(List<ParameterGroup> newGroups, KernelRegistry rules) {
        for (int i = 0; i < newGroups.size(); i++) {
            PlanRows.writeGroup(
                    panoptim_group.asSlice(groups, i),
                    newGroups.get(i),
                    rules,
                    hyper[i],
                    hyper[i].address());
        }
    }

    /** The plan's address as a segment that costs nothing to pass. */
    MemorySegment plan() {
        return MemorySegment.ofAddress(plan.address());
    }

    /** All parameters, in registration order. */
    List<Parameter> parameters() {
        return parameters;
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

    /** Boundaries of the pieces that threads claim: piece i is chunks [i] to [i + 1]. */
    long[] spans() {
        return spans;
    }

    @Override
    public void close() {
        arena.close();
    }
}
