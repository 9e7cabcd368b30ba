package org.panoptim.cuda;

import static org.panoptim.abi.Layouts.PREPARED_BYTES;
import static org.panoptim.abi.Layouts.TENSOR_BYTES;
import static org.panoptim.abi.Layouts.pointer;
import static org.panoptim.abi.bindings.PanoptimPlan.PANOPTIM_BLOCK;
import static org.panoptim.abi.bindings.PanoptimPlan.PANOPTIM_PARTIALS;
import static org.panoptim.abi.bindings.PanoptimPlan.PANOPTIM_TOTALS;

import static java.lang.foreign.ValueLayout.JAVA_INT;

import org.panoptim.Parameter;
import org.panoptim.ParameterGroup;
import org.panoptim.abi.KernelRegistry;
import org.panoptim.abi.PlanRows;
import org.panoptim.abi.bindings.panoptim_chunk;
import org.panoptim.abi.bindings.panoptim_group;
import org.panoptim.abi.bindings.panoptim_plan;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * The tables of a plan in one piece of device memory. What the host writes lies at its beginning
 * and has an image on the host; the rest the device writes.
 */
final class DeviceTables implements AutoCloseable {

    /** 64 KiB of each array: a warp's block for each warp of a thread block. */
    static final long CHUNK_ELEMENTS = 4L * PANOPTIM_BLOCK();

    private final CudaBackend backend;
    private final Arena arena = Arena.ofShared();
    private final List<Parameter> parameters;
    private final int chunkCount;
    private final long memory;
    private final MemorySegment image;
    private final Map<KernelRegistry.Kernel, ChunkList> chunkLists = new LinkedHashMap<>();

    // Places in the memory.
    private final long groups;
    private final long groupBytes;
    private final long[] hypers;
    private final long tensors;
    private final long chunks;
    private final long gradients;
    private final long curvatures;
    private final long counts;
    private final long prepared;
    private final long preparedIndex;
    private final long partials;
    private final long totals;

    /**
     * The chunks of a rule.
     *
     * @param address of their numbers on the device
     */
    record ChunkList(long address, long count) {}

    private static final class Places {
        private long end;

        private long next(long bytes) {
            long place = end;
            end += DeviceSlab.aligned(bytes);
            return place;
        }
    }

    DeviceTables(CudaBackend backend, List<ParameterGroup> groupList, DeviceStates states) {
        this.backend = backend;
        var registry = backend.kernels().registry();
        parameters = PlanRows.parameters(groupList);
        chunkCount = PlanRows.chunkCount(parameters, CHUNK_ELEMENTS);
        long tensorCount = parameters.size();
        var places = new Places();
        groups = places.next(groupList.size() * panoptim_group.sizeof());
        hypers = new long[groupList.size()];
        for (int i = 0; i < hypers.length; i++) {
            hypers[i] = places.next(registry.kernel(groupList.get(i).rule()).hyper().byteSize());
        }
        groupBytes = places.end;
        tensors = places.next(tensorCount * TENSOR_BYTES);
        chunks = places.next(chunkCount * panoptim_chunk.sizeof());
        var numbers = chunksByKernel(groupList, registry);
        var listPlaces = new LinkedHashMap<KernelRegistry.Kernel, Long>();
        numbers.forEach((kernel, list) -> listPlaces.put(kernel, places.next(4L * list.size())));
        gradients = places.next(8 * tensorCount);
        curvatures = places.next(8 * tensorCount);
        long imageBytes = places.end;
        counts = places.next(8 * tensorCount);
        prepared = places.next(tensorCount * PREPARED_BYTES);
        preparedIndex = places.next(4 * tensorCount);
        partials = places.next(8L * chunkCount * PANOPTIM_PARTIALS());
        totals = places.next(8 * tensorCount * PANOPTIM_TOTALS());
        image = arena.allocate(imageBytes, DeviceSlab.ALIGNMENT);
        memory = DeviceSlab.allocate(backend, places.end);
        try {
            writeGroups(groupList);
            PlanRows.writeTensors(
                    image.asSlice(tensors), groupList, CHUNK_ELEMENTS, states::address);
            PlanRows.writeChunks(image.asSlice(chunks), parameters, CHUNK_ELEMENTS);
            numbers.forEach(
                    (kernel, list) -> writeList(kernel, list, listPlaces.getOrDefault(kernel, 0L)));
            synchronized (backend.copies()) {
                backend.copies().toDevice(memory, image, backend.stream());
            }
        } catch (RuntimeException | Error e) {
            close();
            throw e;
        }
    }

    private static Map<KernelRegistry.Kernel, List<Integer>> chunksByKernel(
            List<ParameterGroup> groups, KernelRegistry registry) {
        var numbers = new LinkedHashMap<KernelRegistry.Kernel, List<Integer>>();
        int chunk = 0;
        for (var group : groups) {
            var list =
                    numbers.computeIfAbsent(registry.kernel(group.rule()), _ -> new ArrayList<>());
            for (var parameter : group.parameters()) {
                for (long i = PlanRows.chunks(parameter, CHUNK_ELEMENTS); i > 0; i--) {
                    list.add(chunk++);
                }
            }
        }
        return numbers;
    }

    private void writeList(KernelRegistry.Kernel kernel, List<Integer> numbers, long place) {
        for (int i = 0; i < numbers.size(); i++) {
            image.set(JAVA_INT, place + 4L * i, numbers.get(i));
        }
        chunkLists.put(kernel, new ChunkList(memory + place, numbers.size()));
    }

    /** Writes rules and hyper-parameters of the groups that the tables were built for. */
    void writeGroups(List<ParameterGroup> newGroups) {
        var registry = backend.kernels().registry();
        for (int i = 0; i < hypers.length; i++) {
            var rule = newGroups.get(i).rule();
            PlanRows.writeGroup(
                    panoptim_group.asSlice(image.asSlice(groups), i),
                    newGroups.get(i),
                    registry,
                    image.asSlice(hypers[i], registry.kernel(rule).hyper().byteSize()),
                    memory + hypers[i]);
        }
    }

    /** Sends what {@link #writeGroups} wrote. */
    void sendGroups(Uploads uploads) {
        uploads.send(memory, image.asSlice(0, groupBytes), backend.stream(), false);
    }

    /** Sends the addresses of gradients and curvatures. */
    void sendAddresses(Uploads uploads, long stream, boolean capturing) {
        uploads.send(
                memory + gradients,
                image.asSlice(gradients, image.byteSize() - gradients),
                stream,
                capturing);
    }

    /** The most bytes that are sent at a time. */
    long uploadBytes() {
        return Math.max(groupBytes, image.byteSize() - gradients);
    }

    /** Fills the plan of a launch. */
    void describe(MemorySegment plan, long control, long schedule) {
        pointer(plan, panoptim_plan.groups$offset(), at(groups));
        pointer(plan, panoptim_plan.tensors$offset(), at(tensors));
        pointer(plan, panoptim_plan.chunks$offset(), at(chunks));
        pointer(plan, panoptim_plan.gradients$offset(), at(gradients));
        pointer(plan, panoptim_plan.curvatures$offset(), at(curvatures));
        pointer(plan, panoptim_plan.schedule$offset(), schedule);
        pointer(plan, panoptim_plan.counts$offset(), at(counts));
        pointer(plan, panoptim_plan.prepared$offset(), at(prepared));
        pointer(plan, panoptim_plan.prepared_index$offset(), at(preparedIndex));
        pointer(plan, panoptim_plan.partials$offset(), at(partials));
        pointer(plan, panoptim_plan.totals$offset(), at(totals));
        pointer(plan, panoptim_plan.control$offset(), control);
        panoptim_plan.group_count(plan, hypers.length);
        panoptim_plan.tensor_count(plan, parameters.size());
        panoptim_plan.chunk_count(plan, chunkCount);
        panoptim_plan.chunk_elements(plan, CHUNK_ELEMENTS);
        panoptim_plan.schedule_entries(plan, ScheduleRing.ENTRIES);
    }

    private long at(long place) {
        return memory + place;
    }

    /** All parameters, in registration order. */
    List<Parameter> parameters() {
        return parameters;
    }

    /** The number of chunks of all parameters. */
    int chunkCount() {
        return chunkCount;
    }

    /** The kernels of the groups' rules, and what each has to go over. */
    Map<KernelRegistry.Kernel, ChunkList> chunkLists() {
        return chunkLists;
    }

    /** The host's image of gradient addresses, one a tensor. */
    MemorySegment gradients() {
        return image.asSlice(gradients, 8L * parameters.size());
    }

    /** The host's image of curvature addresses, one a tensor. */
    MemorySegment curvatures() {
        return image.asSlice(curvatures, 8L * parameters.size());
    }

    /** The device's address of the counts, 8 bytes a tensor. */
    long counts() {
        return memory + counts;
    }

    /** The size of the counts. */
    long countBytes() {
        return 8L * parameters.size();
    }

    @Override
    public void close() {
        arena.close();
        backend.device().driver().free(memory, backend.stream());
    }
}
