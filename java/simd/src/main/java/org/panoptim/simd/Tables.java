package org.panoptim.simd;

import static org.panoptim.simd.bindings.LibPanoptim.PANOPTIM_BLOCK;
import static org.panoptim.simd.bindings.LibPanoptim.PANOPTIM_F32;
import static org.panoptim.simd.bindings.LibPanoptim.PANOPTIM_PARTIALS;
import static org.panoptim.simd.bindings.LibPanoptim.PANOPTIM_TOTALS;

import org.panoptim.Parameter;
import org.panoptim.ParameterGroup;
import org.panoptim.simd.bindings.panoptim_chunk;
import org.panoptim.simd.bindings.panoptim_group;
import org.panoptim.simd.bindings.panoptim_plan;
import org.panoptim.simd.bindings.panoptim_prepared;
import org.panoptim.simd.bindings.panoptim_schedule_entry;
import org.panoptim.simd.bindings.panoptim_tensor;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
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
            NativeRules rules,
            TensorStates states,
            MemorySegment control) {
        parameters = groups.stream().flatMap(group -> group.parameters().stream()).toList();
        int tensorCount = parameters.size();
        int chunkCount = Math.toIntExact(parameters.stream().mapToLong(Tables::chunks).sum());
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
        panoptim_plan.groups(plan, this.groups);
        panoptim_plan.tensors(plan, tensors(groups, states));
        panoptim_plan.chunks(plan, chunkTable(chunkCount));
        panoptim_plan.gradients(plan, gradients);
        panoptim_plan.curvatures(plan, curvatures);
        panoptim_plan.schedule(plan, schedule);
        panoptim_plan.counts(plan, counts);
        // One entry more than tensors: native code may keep one for all that are not updated.
        panoptim_plan.prepared(plan, panoptim_prepared.allocateArray(tensorCount + 1L, arena));
        panoptim_plan.prepared_index(plan, arena.allocate(ValueLayout.JAVA_INT, tensorCount));
        panoptim_plan.partials(plan, doubles((long) chunkCount * PANOPTIM_PARTIALS()));
        panoptim_plan.totals(plan, doubles((long) tensorCount * PANOPTIM_TOTALS()));
        panoptim_plan.control(plan, control);
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

    private static long chunks(Parameter parameter) {
        return Math.ceilDiv(parameter.elements(), CHUNK_ELEMENTS);
    }

    private MemorySegment tensors(List<ParameterGroup> groups, TensorStates states) {
        var table = panoptim_tensor.allocateArray(parameters.size(), arena);
        long place = 0;
        long firstChunk = 0;
        for (int group = 0; group < groups.size(); group++) {
            int slots = groups.get(group).rule().slots().size();
            for (var parameter : groups.get(group).parameters()) {
                var row = panoptim_tensor.asSlice(table, place++);
                panoptim_tensor.value(row, MemorySegment.ofAddress(parameter.value().address()));
                for (int slot = 0; slot < slots; slot++) {
                    panoptim_tensor.slots(row, slot, states.segment(parameter, slot));
                }
                panoptim_tensor.elements(row, parameter.elements());
                panoptim_tensor.first_chunk(row, firstChunk);
                panoptim_tensor.chunks(row, chunks(parameter));
                panoptim_tensor.group(row, group);
                firstChunk += chunks(parameter);
            }
        }
        return table;
    }

    private MemorySegment chunkTable(int chunkCount) {
        var table = panoptim_chunk.allocateArray(chunkCount, arena);
        long place = 0;
        for (int tensor = 0; tensor < parameters.size(); tensor++) {
            for (int index = 0; index < chunks(parameters.get(tensor)); index++) {
                var row = panoptim_chunk.asSlice(table, place++);
                panoptim_chunk.tensor(row, tensor);
                panoptim_chunk.index(row, index);
            }
        }
        return table;
    }

    /**
     * Boundaries of spans: consecutive chunks that together have at least a whole chunk's elements.
     */
    private long[] spans(int chunkCount) {
        var boundaries = new java.util.ArrayList<Long>();
        boundaries.add(0L);
        long chunk = 0;
        long elements = 0;
        for (var parameter : parameters) {
            for (long rest = parameter.elements(); rest > 0; rest -= CHUNK_ELEMENTS) {
                elements += Math.min(rest, CHUNK_ELEMENTS);
                chunk++;
                if (elements >= CHUNK_ELEMENTS) {
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

    /** Whether these groups hold the same parameters in the same groups. */
    boolean fits(List<ParameterGroup> others, List<ParameterGroup> built) {
        if (others.size() != built.size()) {
            return false;
        }
        for (int i = 0; i < built.size(); i++) {
            if (!others.get(i).parameters().equals(built.get(i).parameters())) {
                return false;
            }
        }
        return true;
    }

    /** Writes rules and hyper-parameters of groups that {@linkplain #fits fit}. */
    void writeGroups(List<ParameterGroup> newGroups, NativeRules rules) {
        for (int i = 0; i < newGroups.size(); i++) {
            var group = newGroups.get(i);
            var kernel = rules.kernel(group.rule());
            HyperStruct.write(group.rule(), kernel.hyper(), hyper[i]);
            var row = panoptim_group.asSlice(groups, i);
            panoptim_group.hyper(row, hyper[i]);
            panoptim_group.rule(row, kernel.index());
            panoptim_group.frozen(row, group.frozen() ? 1 : 0);
            panoptim_group.parameter_type(row, PANOPTIM_F32());
            panoptim_group.gradient_type(row, PANOPTIM_F32());
            panoptim_group.state_type(row, PANOPTIM_F32());
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
