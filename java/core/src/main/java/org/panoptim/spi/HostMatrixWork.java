package org.panoptim.spi;

import org.panoptim.matrix.HostBatch;
import org.panoptim.matrix.HostMatrices;
import org.panoptim.matrix.HostMatrixEngine;
import org.panoptim.matrix.MatrixBatch;
import org.panoptim.matrix.MatrixEngine;
import org.panoptim.matrix.MatrixSize;
import org.panoptim.parameter.ParameterGroup;
import org.panoptim.rule.MatrixWork;
import org.panoptim.tensor.Shape;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/** The work of matrix rules between phases, in host memory: of the parameters that take part. */
public final class HostMatrixWork implements AutoCloseable {

    private final List<Batch> batches;
    private final Arena arena;

    /**
     * The matrices of a plan, with their scratch memory.
     *
     * @param states where the slots lie
     * @param matrices of the backend; its algebra is asked for only if there is such a rule
     */
    public HostMatrixWork(List<ParameterGroup> groups, HostStates states, HostMatrices matrices) {
        var found = MatrixGroup.of(groups);
        if (found.isEmpty()) {
            batches = List.of();
            arena = Arena.global();
            return;
        }
        var engine = new HostMatrixEngine(matrices.algebra());
        arena = Arena.ofShared();
        try {
            batches = found.stream().map(each -> new Batch(each, states, engine)).toList();
        } catch (RuntimeException | Error e) {
            arena.close();
            throw e;
        }
    }

    /** Whether there is none. */
    public boolean isEmpty() {
        return batches.isEmpty();
    }

    /** Does the work after a phase of an accepted step. */
    public void between(int phase) {
        for (var batch : batches) {
            if (phase < batch.group.rule().phases() - 1 && !batch.group.group().frozen()) {
                batch.run(phase);
            }
        }
    }

    @Override
    public void close() {
        if (!isEmpty()) {
            arena.close();
        }
    }

    private final class Batch {

        private final MatrixGroup group;
        private final HostStates states;
        private final MatrixEngine engine;
        private final List<MatrixSize> sizes;

        /** For each parameter the scratch matrices. */
        private final MemorySegment[][] scratch;

        Batch(MatrixGroup group, HostStates states, MatrixEngine engine) {
            this.group = group;
            this.states = states;
            this.engine = engine;
            sizes = group.rule().scratch(group.shape());
            scratch = new MemorySegment[group.parameters().size()][sizes.size()];
            for (var ofParameter : scratch) {
                for (int place = 0; place < sizes.size(); place++) {
                    long bytes = sizes.get(place).elements() * Float.BYTES;
                    ofParameter[place] = arena.allocate(bytes, HostStates.ALIGNMENT);
                }
            }
        }

        void run(int phase) {
            var parameters = group.parameters();
            var live =
                    IntStream.range(0, parameters.size())
                            .filter(i -> parameters.get(i).hasGradient())
                            .toArray();
            if (live.length > 0) {
                group.rule().between(phase, new Work(this, live));
            }
        }

        MatrixBatch slot(int place, int[] live) {
            var slot = group.elementSlot(place);
            return batch(
                    group.size(),
                    IntStream.of(live)
                            .mapToObj(i -> states.segments(group.parameters().get(i))[place]),
                    !slot.isKept());
        }

        MatrixBatch scratch(int place, int[] live) {
            return batch(
                    sizes.get(place), IntStream.of(live).mapToObj(i -> scratch[i][place]), true);
        }

        private static MatrixBatch batch(
                MatrixSize size, Stream<MemorySegment> segments, boolean writable) {
            return new HostBatch(size, segments.toList(), writable);
        }
    }

    /** The parameters of a batch that take part. */
    private record Work(Batch batch, int[] live) implements MatrixWork {

        @Override
        public Shape shape() {
            return batch.group.shape();
        }

        @Override
        public MatrixBatch slot(int slot) {
            return batch.slot(slot, live);
        }

        @Override
        public MatrixBatch scratch(int place) {
            return batch.scratch(place, live);
        }

        @Override
        public MatrixEngine engine() {
            return batch.engine;
        }
    }
}
