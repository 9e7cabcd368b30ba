package org.panoptim.cuda.kfac;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;

import org.panoptim.abi.bindings.PanoptimKfac;
import org.panoptim.abi.bindings.panoptim_kfac_diagonal;
import org.panoptim.abi.bindings.panoptim_kfac_piece;
import org.panoptim.cuda.device.DeviceContext;
import org.panoptim.cuda.device.DeviceSlab;
import org.panoptim.cuda.device.DeviceState;
import org.panoptim.kfac.engine.KroneckerLayer;
import org.panoptim.kfac.engine.MeanSquares;
import org.panoptim.memory.DeviceMemory;
import org.panoptim.spi.Cleanup;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.List;

/** The diagonals of layers on the device, what the rule reads of them, and the tables of both. */
final class DiagonalBuffers implements AutoCloseable {

    private static final int PIECE = PanoptimKfac.PANOPTIM_KFAC_PIECE();

    private final DeviceContext context;
    private final List<KroneckerLayer> layers;
    private final long memory;
    private final long tables;
    private final long pieces;
    private final int[] firstPiece;

    /** By layer: what is pending, the averages, then the curvature of weight and bias. */
    private final long[][] pending;

    private final long[][] averages;

    private final long[] weights;
    private final long[] biases;

    DiagonalBuffers(DeviceContext context, List<KroneckerLayer> layers) {
        this.context = context;
        this.layers = layers;
        int count = layers.size();
        averages = new long[count][2];
        weights = new long[count];
        biases = new long[count];
        firstPiece = new int[count + 1];
        pending = new long[count][2];
        long bytes = 0;
        for (int i = 0; i < count; i++) {
            var layer = layers.get(i);
            for (int side = 0; side < 2; side++) {
                pending[i][side] = bytes;
                bytes += DeviceSlab.aligned((long) Double.BYTES * layer.factorSize(side));
                averages[i][side] = bytes;
                bytes += DeviceSlab.aligned((long) Float.BYTES * layer.factorSize(side));
            }
            weights[i] = bytes;
            bytes += DeviceSlab.aligned((long) Float.BYTES * layer.outputs() * layer.inputs());
            biases[i] = bytes;
            bytes += DeviceSlab.aligned((long) Float.BYTES * layer.outputs());
            long elements = (long) layer.outputs() * layer.inputFactor();
            firstPiece[i + 1] =
                    Math.toIntExact(firstPiece[i] + Math.ceilDiv(elements, (long) PIECE));
        }
        memory = DeviceSlab.allocate(context, bytes);
        for (int i = 0; i < count; i++) {
            for (int side = 0; side < 2; side++) {
                pending[i][side] += memory;
                averages[i][side] += memory;
            }
            weights[i] += memory;
            biases[i] += memory;
        }
        long tableBytes = DeviceSlab.aligned(panoptim_kfac_diagonal.sizeof() * count);
        try {
            tables =
                    DeviceSlab.allocate(
                            context, tableBytes + panoptim_kfac_piece.sizeof() * firstPiece[count]);
        } catch (RuntimeException | Error e) {
            Cleanup.after(e, () -> context.driver().free(memory, context.stream()));
            throw e;
        }
        pieces = tables + tableBytes;
        try {
            writeTables();
            fillOnes();
        } catch (RuntimeException | Error e) {
            Cleanup.after(e, this::close);
            throw e;
        }
    }

    private void writeTables() {
        try (var arena = Arena.ofConfined()) {
            var rows = panoptim_kfac_diagonal.allocateArray(layers.size(), arena);
            var pieceRows = panoptim_kfac_piece.allocateArray(firstPiece[layers.size()], arena);
            for (int i = 0; i < layers.size(); i++) {
                var layer = layers.get(i);
                var row = panoptim_kfac_diagonal.asSlice(rows, i);
                for (int side = 0; side < 2; side++) {
                    panoptim_kfac_diagonal.pending(
                            row, side, MemorySegment.ofAddress(pending[i][side]));
                    panoptim_kfac_diagonal.averages(
                            row, side, MemorySegment.ofAddress(averages[i][side]));
                    panoptim_kfac_diagonal.sizes(row, side, layer.factorSize(side));
                }
                panoptim_kfac_diagonal.weight(row, MemorySegment.ofAddress(weights[i]));
                panoptim_kfac_diagonal.bias(row, MemorySegment.ofAddress(biases[i]));
                panoptim_kfac_diagonal.inputs(row, layer.inputs());
                for (int j = firstPiece[i]; j < firstPiece[i + 1]; j++) {
                    var piece = panoptim_kfac_piece.asSlice(pieceRows, j);
                    panoptim_kfac_piece.layer(piece, i);
                    panoptim_kfac_piece.index(piece, j - firstPiece[i]);
                }
            }
            DeviceState.write(context, tables, rows);
            DeviceState.write(context, pieces, pieceRows);
        }
    }

    private void fillOnes() {
        var driver = context.driver();
        int one = Float.floatToRawIntBits(1);
        for (int i = 0; i < layers.size(); i++) {
            var layer = layers.get(i);
            for (int side = 0; side < 2; side++) {
                driver.fill(averages[i][side], one, layer.factorSize(side), context.stream());
            }
            driver.fill(weights[i], one, (long) layer.outputs() * layer.inputs(), context.stream());
            driver.fill(biases[i], one, layer.outputs(), context.stream());
        }
    }

    /** The device address of a layer's row of the table. */
    long table(int layer) {
        return tables + panoptim_kfac_diagonal.sizeof() * layer;
    }

    /** What is pending of a layer with so many rows; waits. */
    MeanSquares read(int layer, long rows) {
        var described = layers.get(layer);
        return new MeanSquares(
                rows,
                read(pending[layer][0], described.inputs()),
                read(pending[layer][1], described.outputs()));
    }

    private double[] read(long address, int count) {
        var values = new double[count];
        DeviceState.read(context, address, MemorySegment.ofArray(values));
        return values;
    }

    /** Sets what is pending of a layer. */
    void write(int layer, MeanSquares squares) {
        var described = layers.get(layer);
        // The input of the bias is 1.
        var inputs = Arrays.copyOf(squares.inputs(), described.inputFactor());
        Arrays.fill(inputs, described.inputs(), inputs.length, 1);
        DeviceState.write(context, pending[layer][0], MemorySegment.ofArray(inputs));
        DeviceState.write(
                context, pending[layer][1], MemorySegment.ofArray(squares.outputGradients()));
    }

    /** The address of an averaged diagonal. */
    long average(int factor) {
        return averages[factor / 2][factor % 2];
    }

    /** What the rule reads for a layer's weight. */
    DeviceMemory weight(int layer) {
        var owner = layers.get(layer);
        return new DeviceMemory(
                weights[layer], JAVA_FLOAT.byteSize() * owner.outputs() * owner.inputs());
    }

    /** What the rule reads for a layer's bias. */
    DeviceMemory bias(int layer) {
        return new DeviceMemory(biases[layer], JAVA_FLOAT.byteSize() * layers.get(layer).outputs());
    }

    /** The device address of the pieces from a layer's first on. */
    long pieces(int layer) {
        return pieces + panoptim_kfac_piece.sizeof() * firstPiece[layer];
    }

    /** How many pieces a layer has. */
    int pieceCount(int layer) {
        return firstPiece[layer + 1] - firstPiece[layer];
    }

    /** How many all have. */
    int pieceCount() {
        return firstPiece[layers.size()];
    }

    @Override
    public void close() {
        var driver = context.driver();
        Cleanup.all(
                () -> driver.free(tables, context.stream()),
                () -> driver.free(memory, context.stream()));
    }
}
