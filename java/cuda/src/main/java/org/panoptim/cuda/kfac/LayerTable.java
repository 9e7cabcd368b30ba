package org.panoptim.cuda.kfac;

import static java.lang.foreign.ValueLayout.JAVA_DOUBLE;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import org.panoptim.abi.bindings.panoptim_kfac_layer;
import org.panoptim.cuda.device.DeviceContext;
import org.panoptim.cuda.device.DeviceSlab;
import org.panoptim.cuda.device.DeviceState;
import org.panoptim.cuda.device.Uploads;
import org.panoptim.kfac.engine.FactorState;
import org.panoptim.kfac.engine.KroneckerLayer;
import org.panoptim.spi.Cleanup;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.function.ToLongFunction;
import java.util.stream.IntStream;

/**
 * The device's records of layers, and what the host knows of them: how many micro-batches of each
 * are waiting to be committed.
 */
final class LayerTable implements AutoCloseable {

    private final DeviceContext context;
    private final List<KroneckerLayer> layers;
    private final long address;
    private final long chosen;
    private final long kept;
    private final long recordBytes;
    private final int[] contributions;
    private int[] keptContributions;
    private final Arena arena = Arena.ofShared();
    private final MemorySegment selection;

    LayerTable(DeviceContext context, List<KroneckerLayer> layers) {
        this.context = context;
        this.layers = layers;
        contributions = new int[layers.size()];
        keptContributions = contributions.clone();
        recordBytes = DeviceSlab.aligned(panoptim_kfac_layer.sizeof() * layers.size());
        selection = arena.allocate(2L * Integer.BYTES * layers.size(), Long.BYTES);
        try {
            address = DeviceSlab.allocate(context, 2 * recordBytes + selection.byteSize());
        } catch (RuntimeException | Error e) {
            arena.close();
            throw e;
        }
        kept = address + recordBytes;
        chosen = kept + recordBytes;
    }

    /** The most bytes that {@link #send} uploads. */
    long uploadBytes() {
        return selection.byteSize();
    }

    /** The device address of all records. */
    long address() {
        return address;
    }

    /** The device address of a layer's record. */
    long address(int layer) {
        return address + panoptim_kfac_layer.sizeof() * layer;
    }

    /**
     * The layer of that number.
     *
     * @throws IllegalArgumentException if there is none
     */
    KroneckerLayer layer(int layer) {
        if (layer < 0 || layer >= layers.size()) {
            throw new IllegalArgumentException(
                    "there is no layer %d; there are %d".formatted(layer, layers.size()));
        }
        return layers.get(layer);
    }

    /** How many micro-batches of a layer are waiting. */
    int contributions(int layer) {
        return contributions[layer];
    }

    /** Where the device counts the rows of a layer that are waiting. */
    int slot(int layer) {
        return contributions[layer] & 1;
    }

    /** One more is. */
    void contributed(int layer) {
        contributions[layer]++;
    }

    /** How many rows of a layer are waiting; waits. */
    long rows(int layer) {
        try (var scratch = Arena.ofConfined()) {
            var rows = scratch.allocate(JAVA_DOUBLE);
            DeviceState.read(context, addressOfRows(layer), rows);
            return (long) rows.get(JAVA_DOUBLE, 0);
        }
    }

    /** So many rows of a layer are waiting, as of one micro-batch. */
    void contributed(int layer, long rows) {
        contributions[layer] = 1;
        DeviceState.write(
                context, addressOfRows(layer), MemorySegment.ofArray(new double[] {rows}));
    }

    private long addressOfRows(int layer) {
        long slot = contributions[layer] & 1;
        return address(layer) + panoptim_kfac_layer.rows$offset() + slot * Double.BYTES;
    }

    /** Whether anything is waiting. */
    boolean anyContribution() {
        for (int count : contributions) {
            if (count > 0) {
                return true;
            }
        }
        return false;
    }

    /** Keeps the records as they are, for {@link #putBack}. */
    void keep() {
        keptContributions = contributions.clone();
        context.driver().copyOnDevice(kept, address, recordBytes, context.stream());
    }

    /** Sets the records back to what was kept. */
    void putBack() {
        context.driver().copyOnDevice(address, kept, recordBytes, context.stream());
        System.arraycopy(keptContributions, 0, contributions, 0, contributions.length);
    }

    /** Nothing is waiting any more. */
    void forget() {
        java.util.Arrays.fill(contributions, 0);
    }

    /**
     * Sends the numbers of the layers of which something is waiting, and where the device counts
     * their rows.
     *
     * @return the layers
     */
    List<Integer> send(Uploads uploads) {
        var waiting = new ArrayList<Integer>();
        for (int i = 0; i < contributions.length; i++) {
            if (contributions[i] > 0) {
                waiting.add(i);
            }
        }
        for (int i = 0; i < waiting.size(); i++) {
            int layer = waiting.get(i);
            selection.setAtIndex(JAVA_INT, i, layer);
            selection.setAtIndex(JAVA_INT, (long) layers.size() + i, slot(layer));
        }
        if (!waiting.isEmpty()) {
            uploads.send(chosen, selection, context.stream());
        }
        return waiting;
    }

    /** The device address of the numbers that were sent. */
    MemorySegment chosen() {
        return MemorySegment.ofAddress(chosen);
    }

    /** The device address of where those layers' rows are counted. */
    MemorySegment slots() {
        return MemorySegment.ofAddress(chosen + (long) Integer.BYTES * layers.size());
    }

    /** The updates that each layer has taken; waits. */
    long[] updates() {
        return ofLayers(panoptim_kfac_layer::updates);
    }

    /** The step, from 1, of each layer's last update in a step on the device; waits. */
    long[] updatedAt() {
        return ofLayers(panoptim_kfac_layer::step);
    }

    /** A copy of all records; waits. */
    MemorySegment read(Arena scratch) {
        var records = panoptim_kfac_layer.allocateArray(layers.size(), scratch);
        DeviceState.read(context, address, records);
        return records;
    }

    /** Sets all records. */
    void write(MemorySegment records) {
        DeviceState.write(context, address, records);
    }

    private long[] ofLayers(ToLongFunction<MemorySegment> field) {
        try (var scratch = Arena.ofConfined()) {
            var records = read(scratch);
            return IntStream.range(0, layers.size())
                    .mapToObj(layer -> panoptim_kfac_layer.asSlice(records, layer))
                    .mapToLong(field)
                    .toArray();
        }
    }

    /** Which buffers hold the averages of a layer; waits. */
    int current(int layer) {
        try (var scratch = Arena.ofConfined()) {
            var record = panoptim_kfac_layer.allocate(scratch);
            DeviceState.read(context, address(layer), record);
            return panoptim_kfac_layer.current(record);
        }
    }

    /** Where the averages of both factors of each layer stand; waits. */
    List<FactorState> states() {
        try (var scratch = Arena.ofConfined()) {
            var records = read(scratch);
            var states = new ArrayList<FactorState>();
            for (int i = 0; i < layers.size(); i++) {
                var record = panoptim_kfac_layer.asSlice(records, i);
                for (int side = 0; side < 2; side++) {
                    states.add(
                            new FactorState(
                                    panoptim_kfac_layer.traces(record, side),
                                    panoptim_kfac_layer.updates(record),
                                    panoptim_kfac_layer.refused(record)));
                }
            }
            return states;
        }
    }

    /** Sets how many updates a layer has taken and dropped. */
    void restore(int layer, long updates, long refused) {
        layer(layer);
        if (updates < 0 || refused < 0) {
            throw new IllegalArgumentException(
                    "updates and refused must be at least 0, but are %d and %d"
                            .formatted(updates, refused));
        }
        try (var scratch = Arena.ofConfined()) {
            var counts = scratch.allocate(JAVA_LONG, 2);
            counts.setAtIndex(JAVA_LONG, 0, updates);
            counts.setAtIndex(JAVA_LONG, 1, refused);
            DeviceState.write(
                    context, address(layer) + panoptim_kfac_layer.updates$offset(), counts);
        }
    }

    @Override
    public void close() {
        Cleanup.all(arena::close, () -> context.driver().free(address, context.stream()));
    }
}
