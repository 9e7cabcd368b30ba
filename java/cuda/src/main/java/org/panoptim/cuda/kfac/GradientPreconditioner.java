package org.panoptim.cuda.kfac;

import org.panoptim.abi.bindings.PanoptimKfac;
import org.panoptim.abi.bindings.panoptim_kfac_clip;
import org.panoptim.abi.bindings.panoptim_kfac_gradients;
import org.panoptim.abi.bindings.panoptim_kfac_piece;
import org.panoptim.abi.bindings.panoptim_kfac_place;
import org.panoptim.abi.bindings.panoptim_kfac_preconditioning;
import org.panoptim.cuda.device.DeviceContext;
import org.panoptim.cuda.device.DeviceSlab;
import org.panoptim.cuda.device.DeviceState;
import org.panoptim.cuda.device.Uploads;
import org.panoptim.kfac.engine.KroneckerLayer;
import org.panoptim.kfac.engine.KroneckerPlan;
import org.panoptim.kfac.engine.Preconditioning;
import org.panoptim.spi.Cleanup;
import org.panoptim.spi.StepContext;
import org.panoptim.spi.StepFacts;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalDouble;

/**
 * Multiplies gradients by the inverses of their factors: three launches, and two products for each
 * shape of layers; nothing waits. In a team there are two products for each layer, and it waits for
 * the other members' part of the sum that the step is clipped by.
 */
final class GradientPreconditioner implements AutoCloseable {

    private static final int THREADS = 256;
    private static final int PIECE = PanoptimKfac.PANOPTIM_KFAC_PIECE();

    /** What a step has come to, as precondition.cu has it. */
    private static final int PRECONDITIONED = 1;

    private static final int STOOD_STILL = 2;

    private final DeviceContext context;
    private final KroneckerPlan plan;
    private final List<FactorBuffers.ShapeGroup> groups;

    /** Whether one call of cuBLAS multiplies all layers of a group. */
    private final boolean batched;

    private final Arena arena = Arena.ofShared();
    private final MemorySegment gradients;
    private final MemorySegment argument = panoptim_kfac_preconditioning.allocate(arena);
    private final long pieceCount;

    /** The layer of each piece. */
    private final int[] layerOfPiece;

    /** Of each group, its gradients as matrices and the product on the way. */
    private final long[] packed;

    private final long[] products;
    private final long workspace;
    private final long tables;
    private final long gradientTable;
    private final long partials;
    private final long clip;

    /**
     * By layer, zeros that stand for the gradient of a weight or bias that takes no part; 0: none.
     */
    private final long[][] zeros;

    /**
     * Allocates what it needs.
     *
     * @param batched whether one call of cuBLAS multiplies all layers of a shape. How cuBLAS rounds
     *     may depend on how many there are, which in a team depends on the number of members.
     */
    GradientPreconditioner(
            DeviceContext context, KroneckerPlan plan, FactorBuffers buffers, boolean batched) {
        this.context = context;
        this.plan = plan;
        this.batched = batched;
        groups = buffers.groups();
        zeros = new long[plan.layers().size()][2];
        packed = new long[groups.size()];
        products = new long[groups.size()];
        int layers = plan.layers().size();
        gradients = panoptim_kfac_gradients.allocateArray(layers, arena);
        var pieces = new ArrayList<int[]>();
        for (int i : ownLayers()) {
            for (int j = 0; j < pieces(plan.layers().get(i)); j++) {
                pieces.add(new int[] {i, j});
            }
        }
        pieceCount = pieces.size();
        layerOfPiece = pieces.stream().mapToInt(piece -> piece[0]).toArray();
        long workspaceBytes = 0;
        for (int i = 0; i < groups.size(); i++) {
            packed[i] = workspaceBytes;
            products[i] = workspaceBytes + groupBytes(groups.get(i));
            workspaceBytes += 2 * groupBytes(groups.get(i));
        }
        var cleanup = new Cleanup();
        cleanup.add(arena::close);
        try {
            var driver = context.driver();
            workspace = DeviceSlab.allocate(context, workspaceBytes);
            cleanup.add(() -> driver.free(workspace, context.stream()));
            for (int i = 0; i < groups.size(); i++) {
                packed[i] += workspace;
                products[i] += workspace;
            }
            long placeBytes = DeviceSlab.aligned(panoptim_kfac_place.sizeof() * layers);
            long pieceBytes = DeviceSlab.aligned(panoptim_kfac_piece.sizeof() * pieceCount);
            long partialBytes = DeviceSlab.aligned(Double.BYTES * pieceCount);
            long gradientBytes = DeviceSlab.aligned(gradients.byteSize());
            tables =
                    DeviceSlab.allocate(
                            context,
                            placeBytes
                                    + pieceBytes
                                    + partialBytes
                                    + gradientBytes
                                    + panoptim_kfac_clip.sizeof());
            cleanup.add(() -> driver.free(tables, context.stream()));
            long pieceTable = tables + placeBytes;
            partials = pieceTable + pieceBytes;
            gradientTable = partials + partialBytes;
            clip = gradientTable + gradientBytes;
            writePlaces();
            writePieces(pieces, pieceTable);
            describe(pieceTable);
        } catch (RuntimeException | Error e) {
            cleanup.runAfter(e);
            throw e;
        }
    }

    /** The layers with inverses here, in their order. */
    private int[] ownLayers() {
        return groups.stream()
                .flatMap(group -> group.layers().stream())
                .mapToInt(Integer::intValue)
                .sorted()
                .toArray();
    }

    private static long elements(KroneckerLayer layer) {
        return (long) layer.outputs() * layer.inputFactor();
    }

    private static int pieces(KroneckerLayer layer) {
        return Math.toIntExact(Math.ceilDiv(elements(layer), PIECE));
    }

    private static long groupBytes(FactorBuffers.ShapeGroup group) {
        return DeviceSlab.aligned(
                (long) Float.BYTES * group.rows() * group.columns() * group.layers().size());
    }

    private void writePlaces() {
        try (var scratch = Arena.ofConfined()) {
            var rows = panoptim_kfac_place.allocateArray(plan.layers().size(), scratch);
            for (int i = 0; i < groups.size(); i++) {
                var members = groups.get(i).layers();
                for (int j = 0; j < members.size(); j++) {
                    var layer = plan.layers().get(members.get(j));
                    var row = panoptim_kfac_place.asSlice(rows, members.get(j));
                    long at = packed[i] + Float.BYTES * elements(layer) * j;
                    panoptim_kfac_place.packed(row, MemorySegment.ofAddress(at));
                    panoptim_kfac_place.outputs(row, layer.outputs());
                    panoptim_kfac_place.columns(row, layer.inputFactor());
                }
            }
            DeviceState.write(context, tables, rows);
        }
    }

    private void writePieces(List<int[]> pieces, long address) {
        try (var scratch = Arena.ofConfined()) {
            var rows = panoptim_kfac_piece.allocateArray(pieces.size(), scratch);
            for (int i = 0; i < pieces.size(); i++) {
                var row = panoptim_kfac_piece.asSlice(rows, i);
                panoptim_kfac_piece.layer(row, pieces.get(i)[0]);
                panoptim_kfac_piece.index(row, pieces.get(i)[1]);
            }
            DeviceState.write(context, address, rows);
        }
    }

    private void describe(long pieceTable) {
        panoptim_kfac_preconditioning.gradients(argument, MemorySegment.ofAddress(gradientTable));
        panoptim_kfac_preconditioning.places(argument, MemorySegment.ofAddress(tables));
        panoptim_kfac_preconditioning.pieces(argument, MemorySegment.ofAddress(pieceTable));
        panoptim_kfac_preconditioning.partials(argument, MemorySegment.ofAddress(partials));
        panoptim_kfac_preconditioning.clip(argument, MemorySegment.ofAddress(clip));
        panoptim_kfac_preconditioning.count(argument, pieceCount);
    }

    /** The most bytes that {@link #run} uploads. */
    long uploadBytes() {
        return gradients.byteSize();
    }

    /** Rewrites the gradients of layers. */
    void run(Uploads uploads, StepFacts step, List<Preconditioning> layers, double klClip) {
        panoptim_kfac_preconditioning.kl_clip(argument, klClip);
        multiply(uploads, step, layers);
        launch("unpack");
    }

    /**
     * The first half of {@link #run} for a step that was accepted: computes U of layers, of none
     * perhaps; waits.
     *
     * @return for each layer of the plan η² ⟨U, ∇⟩, 0 where it is not among these
     */
    double[] products(Uploads uploads, StepContext step, List<Preconditioning> layers) {
        var products = new double[plan.layers().size()];
        if (pieceCount == 0) {
            return products;
        }
        // Of a refused step the kernel makes no ν, which others have a part in.
        multiply(
                uploads,
                new StepContext(false, step.step(), step.gradientScale(), step.rateFactor()),
                layers);
        try (var scratch = Arena.ofConfined()) {
            var found = scratch.allocate(ValueLayout.JAVA_DOUBLE, pieceCount);
            DeviceState.read(context, partials, found);
            for (int i = 0; i < pieceCount; i++) {
                products[layerOfPiece[i]] += found.getAtIndex(ValueLayout.JAVA_DOUBLE, i);
            }
        }
        return products;
    }

    /**
     * The second half: rewrites the gradients of the layers that the first half was given.
     *
     * @param coefficient ν; empty: no layer is moved
     */
    void apply(OptionalDouble coefficient) {
        try (var scratch = Arena.ofConfined()) {
            var written = panoptim_kfac_clip.allocate(scratch);
            DeviceState.read(context, clip, written);
            panoptim_kfac_clip.applied(
                    written, coefficient.isPresent() ? PRECONDITIONED : STOOD_STILL);
            if (coefficient.isPresent()) {
                panoptim_kfac_clip.coefficient(written, coefficient.getAsDouble());
                panoptim_kfac_clip.known(written, 1);
            }
            DeviceState.write(context, clip, written);
        }
        launch("unpack");
    }

    /** Computes U, and the sum that the step is clipped by. */
    private void multiply(Uploads uploads, StepFacts step, List<Preconditioning> layers) {
        var takesPart = note(layers);
        uploads.send(gradientTable, gradients, context.stream());
        KroneckerLaunch.describe(panoptim_kfac_preconditioning.facts(argument), step);
        launch("pack");
        for (int i = 0; i < groups.size(); i++) {
            multiply(i, takesPart);
        }
        launch("clip_step");
    }

    /** Multiplies the layers of a group, together or one after the other. */
    private void multiply(int group, boolean[] takesPart) {
        var layers = groups.get(group).layers();
        int count = batched ? layers.size() : 1;
        for (int first = 0; first < layers.size(); first += count) {
            if (layers.subList(first, first + count).stream().anyMatch(each -> takesPart[each])) {
                multiply(group, first, count);
            }
        }
    }

    private void launch(String name) {
        var kernel = context.kernels().kronecker(name, THREADS);
        KroneckerLaunch.run(context, kernel, kernel.blocksFor(pieceCount), argument);
    }

    /**
     * Checks that the gradients of layers lie where they can be rewritten.
     *
     * @throws IllegalArgumentException if not
     */
    void check(List<Preconditioning> layers) {
        for (var entry : layers) {
            if (entry.layer() < 0 || entry.layer() >= plan.layers().size()) {
                throw new IllegalArgumentException(
                        "there is no layer %d; there are %d"
                                .formatted(entry.layer(), plan.layers().size()));
            }
            var layer = plan.layers().get(entry.layer());
            if (entry.weight()) {
                gradient(layer, layer.weight());
            }
            if (entry.bias()) {
                layer.bias().ifPresent(bias -> gradient(layer, bias));
            }
        }
    }

    /** Notes where the gradients lie; which layers take part. */
    private boolean[] note(List<Preconditioning> layers) {
        check(layers);
        gradients.fill((byte) 0);
        var takesPart = new boolean[plan.layers().size()];
        for (var entry : layers) {
            var layer = plan.layers().get(entry.layer());
            var row = panoptim_kfac_gradients.asSlice(gradients, entry.layer());
            long weight =
                    entry.weight()
                            ? gradient(layer, layer.weight())
                            : zeros(entry.layer(), 0, (long) layer.outputs() * layer.inputs());
            panoptim_kfac_gradients.weight(row, MemorySegment.ofAddress(weight));
            if (layer.bias().isPresent()) {
                long bias =
                        entry.bias()
                                ? gradient(layer, layer.bias().get())
                                : zeros(entry.layer(), 1, layer.outputs());
                panoptim_kfac_gradients.bias(row, MemorySegment.ofAddress(bias));
            }
            panoptim_kfac_gradients.learning_rate(row, entry.learningRate());
            takesPart[entry.layer()] = true;
        }
        return takesPart;
    }

    /** Zeros instead of a gradient; the last step has overwritten them. */
    private long zeros(int layer, int part, long elements) {
        if (zeros[layer][part] == 0) {
            zeros[layer][part] = DeviceSlab.allocate(context, Float.BYTES * elements);
        } else {
            context.driver().fill(zeros[layer][part], 0, elements, context.stream());
        }
        return zeros[layer][part];
    }

    private static long gradient(KroneckerLayer layer, org.panoptim.parameter.Parameter parameter) {
        var memory =
                parameter
                        .gradient()
                        .orElseThrow(
                                () ->
                                        new IllegalArgumentException(
                                                "layer '%s': parameter '%s' has no gradient"
                                                        .formatted(
                                                                layer.name(), parameter.name())));
        return Contributions.onDevice(
                layer, "gradients of parameter '" + parameter.name() + "'", memory);
    }

    /** U = X_G (∇ X_A) for some layers of a group, in place of the gradients. */
    private void multiply(int number, int first, int count) {
        var group = groups.get(number);
        int rows = group.rows();
        int columns = group.columns();
        long stride = (long) rows * columns;
        long gradient = packed[number] + Float.BYTES * stride * first;
        long product = products[number] + Float.BYTES * stride * first;
        long inputs = group.inputs() + FactorBuffers.bytes(columns) * first;
        long outputs = group.outputs() + FactorBuffers.bytes(rows) * first;
        context.blas()
                .multiply(
                        rows,
                        columns,
                        columns,
                        gradient,
                        stride,
                        inputs,
                        (long) columns * columns,
                        product,
                        stride,
                        count);
        context.blas()
                .multiply(
                        rows,
                        rows,
                        columns,
                        outputs,
                        (long) rows * rows,
                        product,
                        stride,
                        gradient,
                        stride,
                        count);
    }

    /** The last ν; waits. */
    OptionalDouble coefficient() {
        try (var scratch = Arena.ofConfined()) {
            var read = panoptim_kfac_clip.allocate(scratch);
            DeviceState.read(context, clip, read);
            return panoptim_kfac_clip.known(read) != 0
                    ? OptionalDouble.of(panoptim_kfac_clip.coefficient(read))
                    : OptionalDouble.empty();
        }
    }

    @Override
    public void close() {
        var driver = context.driver();
        var cleanup = new Cleanup();
        cleanup.add(() -> driver.free(workspace, context.stream()));
        cleanup.add(() -> driver.free(tables, context.stream()));
        for (var ofLayer : zeros) {
            for (long address : ofLayer) {
                if (address != 0) {
                    cleanup.add(() -> driver.free(address, context.stream()));
                }
            }
        }
        cleanup.add(arena::close);
        cleanup.run();
    }
}
