package org.panoptim.spi;

import org.panoptim.matrix.MatrixBatch;
import org.panoptim.matrix.MatrixEngine;
import org.panoptim.matrix.MatrixSize;
import org.panoptim.rule.MatrixWork;
import org.panoptim.tensor.Shape;

import java.util.HashMap;
import java.util.Map;
import java.util.function.IntFunction;

/**
 * What a rule works with during one call of {@link org.panoptim.rule.MatrixRule#between}. When that
 * has returned, it is closed, and refuses everything: its matrices may lie elsewhere in the next
 * step, and a device's stream or graph may be another one.
 */
final class MatrixCall implements MatrixWork, AutoCloseable {

    private final MatrixGroup group;
    private final int phase;
    private final MatrixEngine engine;
    private final Matrices slots;
    private final Matrices scratches;
    private volatile boolean ended;

    /**
     * A call that begins.
     *
     * @param phase the phase before it
     * @param engine the backend's
     * @param slots makes the matrices of a slot
     * @param scratches makes the scratch matrices at a place
     */
    MatrixCall(
            MatrixGroup group,
            int phase,
            MatrixEngine engine,
            IntFunction<MatrixBatch> slots,
            IntFunction<MatrixBatch> scratches) {
        this.group = group;
        this.phase = phase;
        this.engine = new Engine(engine);
        this.slots = new Matrices(slots);
        this.scratches = new Matrices(scratches);
    }

    @Override
    public Shape shape() {
        requireOpen();
        return group.shape();
    }

    @Override
    public MatrixBatch slot(int slot) {
        requireOpen();
        group.elementSlot(slot);
        return slots.at(slot);
    }

    @Override
    public MatrixBatch scratch(int place) {
        requireOpen();
        group.scratch(place);
        return scratches.at(place);
    }

    @Override
    public MatrixEngine engine() {
        requireOpen();
        return engine;
    }

    /** Ends it. */
    @Override
    public void close() {
        ended = true;
    }

    private void requireOpen() {
        if (ended) {
            throw new IllegalStateException(
                    "rule %s kept what it was given after phase %d for parameters of %s, which is valid only until 'between' returns"
                            .formatted(group.rule().name(), phase, group.shape()));
        }
    }

    /** Where a place has one handle, by which an engine knows a target that is its own factor. */
    private final class Matrices {

        private final IntFunction<MatrixBatch> make;
        private final Map<Integer, Handle> made = new HashMap<>();

        Matrices(IntFunction<MatrixBatch> make) {
            this.make = make;
        }

        Handle at(int place) {
            return made.computeIfAbsent(place, _ -> new Handle(make.apply(place)));
        }
    }

    /** Matrices of the backend as the rule has them. */
    final class Handle implements MatrixBatch {

        private final MatrixBatch batch;

        Handle(MatrixBatch batch) {
            this.batch = batch;
        }

        /**
         * The backend's, for the engine of a call.
         *
         * @throws IllegalStateException if the call that they are of has ended
         * @throws IllegalArgumentException if they are of another call
         */
        MatrixBatch of(MatrixCall call) {
            requireOpen();
            if (MatrixCall.this != call) {
                throw ofAnother();
            }
            return batch;
        }

        @Override
        public int count() {
            return batch.count();
        }

        @Override
        public MatrixSize size() {
            return batch.size();
        }

        @Override
        public boolean isWritable() {
            return batch.isWritable();
        }
    }

    private static IllegalArgumentException ofAnother() {
        return new IllegalArgumentException("these matrices are not of this call of 'between'");
    }

    /** The backend's engine on the matrices of this call. */
    private final class Engine implements MatrixEngine {

        private final MatrixEngine engine;

        Engine(MatrixEngine engine) {
            this.engine = engine;
        }

        private MatrixBatch own(MatrixBatch batch) {
            requireOpen();
            if (batch instanceof Handle handle) {
                return handle.of(MatrixCall.this);
            }
            throw ofAnother();
        }

        @Override
        public void multiply(
                float alpha,
                MatrixBatch a,
                boolean transposeA,
                MatrixBatch b,
                boolean transposeB,
                float beta,
                MatrixBatch c) {
            engine.multiply(alpha, own(a), transposeA, own(b), transposeB, beta, own(c));
        }

        @Override
        public void rankUpdate(
                float alpha, MatrixBatch a, boolean transpose, float beta, MatrixBatch c) {
            engine.rankUpdate(alpha, own(a), transpose, beta, own(c));
        }

        @Override
        public void factorise(MatrixBatch a, double damping, MatrixBatch factor) {
            engine.factorise(own(a), damping, own(factor));
        }

        @Override
        public void invert(MatrixBatch a, double damping, MatrixBatch work, MatrixBatch inverse) {
            engine.invert(own(a), damping, own(work), own(inverse));
        }

        @Override
        public void norms(MatrixBatch a, MatrixBatch norms) {
            engine.norms(own(a), own(norms));
        }

        @Override
        public void divide(MatrixBatch a, MatrixBatch divisors, float epsilon) {
            engine.divide(own(a), own(divisors), epsilon);
        }

        @Override
        public void copy(MatrixBatch from, MatrixBatch to) {
            engine.copy(own(from), own(to));
        }
    }
}
