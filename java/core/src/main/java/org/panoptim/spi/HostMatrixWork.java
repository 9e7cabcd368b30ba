package org.panoptim.spi;

import org.jspecify.annotations.Nullable;
import org.panoptim.matrix.HostBatch;
import org.panoptim.matrix.HostMatrices;
import org.panoptim.matrix.HostMatrixEngine;
import org.panoptim.matrix.MatrixBatch;
import org.panoptim.matrix.MatrixEngine;
import org.panoptim.matrix.MatrixSize;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Objects;
import java.util.function.IntFunction;
import java.util.stream.IntStream;

/** The work of matrix rules between phases, in host memory: of the parameters that take part. */
public final class HostMatrixWork implements AutoCloseable {

    private final HostStates states;
    private final Arena arena;

    /** For each group and parameter the scratch matrices. */
    private final MemorySegment[][][] scratch;

    private List<MatrixGroup> groups;
    private final @Nullable MatrixEngine engine;

    /**
     * The matrices of a plan, with their scratch memory.
     *
     * @param states where the slots lie
     * @param matrices of the backend; its algebra is asked for only if there is such a rule
     */
    public HostMatrixWork(List<MatrixGroup> groups, HostStates states, HostMatrices matrices) {
        this.groups = groups;
        this.states = states;
        scratch = new MemorySegment[groups.size()][][];
        if (groups.isEmpty()) {
            engine = null;
            arena = Arena.global();
            return;
        }
        engine = new HostMatrixEngine(matrices.algebra());
        arena = Arena.ofShared();
        try {
            for (int i = 0; i < scratch.length; i++) {
                scratch[i] = allocate(groups.get(i));
            }
        } catch (RuntimeException | Error e) {
            arena.close();
            throw e;
        }
    }

    private MemorySegment[][] allocate(MatrixGroup group) {
        var sizes = group.scratch();
        var allocated = new MemorySegment[group.parameters().size()][sizes.size()];
        for (var ofParameter : allocated) {
            for (int place = 0; place < sizes.size(); place++) {
                ofParameter[place] =
                        arena.allocate(MatrixGroup.bytes(sizes.get(place)), HostStates.ALIGNMENT);
            }
        }
        return allocated;
    }

    /** Whether there is none. */
    public boolean isEmpty() {
        return groups.isEmpty();
    }

    /** Whether the matrices of these groups lie where those of the present ones do. */
    public boolean fits(List<MatrixGroup> newGroups) {
        return MatrixGroup.lieAlike(groups, newGroups);
    }

    /** Takes up groups that fit. */
    public void adopt(List<MatrixGroup> newGroups) {
        groups = newGroups;
    }

    /**
     * Does the work after a phase of an accepted step.
     *
     * @throws IllegalStateException if a rule throws anything; the message says which one and
     *     where, and the cause is what it threw
     */
    public void between(int phase) {
        for (int i = 0; i < groups.size(); i++) {
            var group = groups.get(i);
            if (phase < group.rule().phases() - 1 && !group.group().frozen()) {
                run(phase, group, scratch[i]);
            }
        }
    }

    private void run(int phase, MatrixGroup group, MemorySegment[][] ofGroup) {
        var parameters = group.parameters();
        var live =
                IntStream.range(0, parameters.size())
                        .filter(i -> parameters.get(i).hasGradient())
                        .toArray();
        if (live.length == 0) {
            return;
        }
        try {
            group.between(
                    phase,
                    Objects.requireNonNull(engine),
                    place ->
                            batch(
                                    group.size(),
                                    live,
                                    i -> states.segments(parameters.get(i))[place],
                                    !group.elementSlot(place).isKept()),
                    place -> batch(group.scratch(place), live, i -> ofGroup[i][place], true));
        } catch (Throwable e) {
            // Checked exceptions too, which other languages of the JVM throw without saying so.
            throw group.failure(phase, e);
        }
    }

    /** The matrices of the parameters that take part. */
    private static MatrixBatch batch(
            MatrixSize size, int[] live, IntFunction<MemorySegment> matrix, boolean writable) {
        return new HostBatch(size, IntStream.of(live).mapToObj(matrix).toList(), writable);
    }

    @Override
    public void close() {
        if (!isEmpty()) {
            arena.close();
        }
    }
}
