package org.panoptim.cuda;

import org.jspecify.annotations.Nullable;
import org.panoptim.cuda.device.DeviceContext;
import org.panoptim.cuda.device.DeviceSlab;
import org.panoptim.cuda.driver.CudaException;
import org.panoptim.cuda.matrix.DeviceBatch;
import org.panoptim.cuda.matrix.DeviceMatrixEngine;
import org.panoptim.matrix.MatrixSize;
import org.panoptim.rule.MatrixRule;
import org.panoptim.spi.Cleanup;
import org.panoptim.spi.MatrixGroup;
import org.panoptim.spi.StateAddresses;

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
    DeviceMatrixWork(DeviceContext context, List<MatrixGroup> groups, StateAddresses states) {
        this.context = context;
        this.states = states;
        this.groups = groups;
        if (groups.isEmpty()) {
            engine = null;
            return;
        }
        int most = groups.stream().mapToInt(group -> group.parameters().size()).max().orElse(0);
        engine = DeviceMatrixEngine.open(context, most);
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
            for (var size : group.scratch()) {
                bytes = Math.addExact(bytes, bytes(group, size));
            }
        }
        slab = DeviceSlab.allocate(context, bytes);
        long next = slab;
        for (var group : groups) {
            var batches = new ArrayList<DeviceBatch>();
            for (var size : group.scratch()) {
                batches.add(batch(group, size, next));
                next += bytes(group, size);
            }
            scratch.add(batches);
        }
    }

    private static long bytes(MatrixGroup group, MatrixSize size) {
        return DeviceSlab.aligned(group.parameters().size() * MatrixGroup.bytes(size));
    }

    private static DeviceBatch batch(MatrixGroup group, MatrixSize size, long address) {
        var addresses = new long[group.parameters().size()];
        for (int i = 0; i < addresses.length; i++) {
            addresses[i] = address + i * MatrixGroup.bytes(size);
        }
        return new DeviceBatch(size, addresses, true);
    }

    /**
     * Queues the work after a phase. A rule may leave another context current; it is set again.
     *
     * @param stream the backend's, or the one of a capture, which ends with it
     * @throws IllegalStateException if a rule throws anything; the message says which one and
     *     where, and the cause is what it threw
     */
    void between(int phase, long stream) {
        if (groups.isEmpty()) {
            return;
        }
        engine().on(stream);
        try {
            for (int i = 0; i < groups.size(); i++) {
                if (phase < groups.get(i).rule().phases() - 1) {
                    between(phase, groups.get(i), scratch.get(i));
                    context.enter();
                }
            }
        } finally {
            engine().on(context.stream());
        }
    }

    private void between(int phase, MatrixGroup group, List<DeviceBatch> scratches) {
        try {
            group.between(phase, engine(), place -> slots(group, place), scratches::get);
        } catch (Throwable e) {
            // Checked exceptions too, which other languages of the JVM throw without saying so.
            throw group.failure(phase, e instanceof CudaException error ? context.noted(error) : e);
        }
    }

    private DeviceBatch slots(MatrixGroup group, int place) {
        var addresses =
                group.parameters().stream()
                        .mapToLong(parameter -> states.address(parameter, place))
                        .toArray();
        return new DeviceBatch(group.size(), addresses, !group.elementSlot(place).isKept());
    }

    /** Whether the matrices of these groups lie where those of the present ones do. */
    boolean fits(List<MatrixGroup> newGroups) {
        return MatrixGroup.lieAlike(groups, newGroups);
    }

    /** Whether graphs that were captured before would go on with another rule than these groups. */
    boolean isStale(List<MatrixGroup> newGroups) {
        if (!fits(newGroups)) {
            return true;
        }
        for (int i = 0; i < groups.size(); i++) {
            if (!isRecorded(groups.get(i).rule(), newGroups.get(i).rule())) {
                return true;
            }
        }
        return false;
    }

    /** Whether a rule is the one in a graph but for its learning rate, which phases alone read. */
    private static boolean isRecorded(MatrixRule before, MatrixRule rule) {
        return before.equals(rule) || before.equals(rule.atLearningRate(before.learningRate()));
    }

    /** Takes up groups that fit. */
    void adopt(List<MatrixGroup> newGroups) {
        groups = newGroups;
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
}
