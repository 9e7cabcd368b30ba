package org.panoptim.cuda;

import org.jspecify.annotations.Nullable;
import org.panoptim.cuda.device.DeviceContext;
import org.panoptim.cuda.device.DeviceSlab;
import org.panoptim.cuda.matrix.DeviceBatch;
import org.panoptim.cuda.matrix.DeviceMatrixEngine;
import org.panoptim.matrix.MatrixBatch;
import org.panoptim.matrix.MatrixEngine;
import org.panoptim.matrix.MatrixSize;
import org.panoptim.parameter.ParameterGroup;
import org.panoptim.rule.MatrixRule;
import org.panoptim.rule.MatrixWork;
import org.panoptim.spi.Cleanup;
import org.panoptim.spi.MatrixGroup;
import org.panoptim.spi.StateAddresses;
import org.panoptim.tensor.Shape;

import java.util.ArrayList;
import java.util.List;
import java.util.Objects;

/**
 * The work of matrix rules between phases, queued on the stream. It is queued for every parameter,
 * since the host does not know which steps are accepted, and a graph neither which gradients there
 * will be nor which groups are frozen; phases that do not run leave its results alone.
 */
final class DeviceMatrixWork implements AutoCloseable {

    private final DeviceContext context;
    private final StateAddresses states;
    private List<MatrixGroup> groups;
    private final @Nullable DeviceMatrixEngine engine;

    /** Where the scratch matrices of each of the groups begin. */
    private final List<List<DeviceBatch>> scratch = new ArrayList<>();

    private long slab;

    /**
     * The matrices of a plan, with their scratch memory.
     *
     * @throws org.panoptim.spi.UnsupportedPlanException if there are some and cuBLAS cannot be
     *     loaded
     */
    DeviceMatrixWork(DeviceContext context, List<ParameterGroup> groups, StateAddresses states) {
        this.context = context;
        this.states = states;
        this.groups = MatrixGroup.of(groups);
        if (this.groups.isEmpty()) {
            engine = null;
            return;
        }
        engine = new DeviceMatrixEngine(context.driver(), context.newBlas(), context.stream());
        try {
            allocate();
        } catch (RuntimeException | Error e) {
            Cleanup.after(e, this::close);
            throw e;
        }
    }

    private void allocate() {
        long bytes = 0;
        for (var group : groups) {
            for (var size : group.rule().scratch(group.shape())) {
                bytes += bytes(group, size);
            }
        }
        if (bytes == 0) {
            groups.forEach(_ -> scratch.add(List.of()));
            return;
        }
        slab = DeviceSlab.allocate(context, bytes);
        long next = slab;
        for (var group : groups) {
            var batches = new ArrayList<DeviceBatch>();
            for (var size : group.rule().scratch(group.shape())) {
                batches.add(batch(group, size, next));
                next += bytes(group, size);
            }
            scratch.add(batches);
        }
    }

    private static long bytes(MatrixGroup group, MatrixSize size) {
        return DeviceSlab.aligned(group.parameters().size() * size.elements() * (long) Float.BYTES);
    }

    private static DeviceBatch batch(MatrixGroup group, MatrixSize size, long address) {
        var addresses = new long[group.parameters().size()];
        for (int i = 0; i < addresses.length; i++) {
            addresses[i] = address + i * size.elements() * Float.BYTES;
        }
        return new DeviceBatch(size, addresses, true);
    }

    /** Queues the work after a phase. */
    void between(int phase, long stream) {
        for (int i = 0; i < groups.size(); i++) {
            var group = groups.get(i);
            if (phase < group.rule().phases() - 1) {
                engine().on(stream);
                group.rule().between(phase, new Work(i));
            }
        }
    }

    /**
     * Takes up other hyper-parameters of the same parameters.
     *
     * @return whether graphs that were captured before would go on with the old ones
     */
    boolean follow(List<ParameterGroup> newGroups) {
        var before = groups.stream().map(DeviceMatrixWork::recorded).toList();
        groups = MatrixGroup.of(newGroups);
        return !before.equals(groups.stream().map(DeviceMatrixWork::recorded).toList());
    }

    /** What a graph has of a rule: phases alone read its learning rate. */
    private static MatrixRule recorded(MatrixGroup group) {
        return group.rule().atLearningRate(0);
    }

    private DeviceMatrixEngine engine() {
        return Objects.requireNonNull(engine);
    }

    @Override
    public void close() {
        var cleanup = new Cleanup();
        if (engine != null) {
            cleanup.keep(engine);
        }
        if (slab != 0) {
            long address = slab;
            slab = 0;
            cleanup.add(() -> context.driver().free(address, context.stream()));
        }
        cleanup.run();
    }

    /** The parameters of one of the groups. */
    private final class Work implements MatrixWork {

        private final int number;
        private final MatrixGroup group;

        Work(int number) {
            this.number = number;
            group = groups.get(number);
        }

        @Override
        public Shape shape() {
            return group.shape();
        }

        @Override
        public MatrixBatch slot(int place) {
            var slot = group.elementSlot(place);
            var addresses =
                    group.parameters().stream()
                            .mapToLong(parameter -> states.address(parameter, place))
                            .toArray();
            return new DeviceBatch(group.size(), addresses, !slot.isKept());
        }

        @Override
        public MatrixBatch scratch(int place) {
            return scratch.get(number).get(place);
        }

        @Override
        public MatrixEngine engine() {
            return DeviceMatrixWork.this.engine();
        }
    }
}
