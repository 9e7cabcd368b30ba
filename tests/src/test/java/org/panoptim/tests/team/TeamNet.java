package org.panoptim.tests.team;

import org.panoptim.Optimizer;
import org.panoptim.memory.HostMemory;
import org.panoptim.parameter.Parameter;
import org.panoptim.shard.Team;
import org.panoptim.tensor.Shape;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Consumer;

/**
 * A net of which every member has a copy, and the gradients of its micro-batches. Its parameters
 * are larger than what a member owns at least, smaller than a chunk, empty, and matrices.
 */
final class TeamNet {

    /** Into how many micro-batches a batch is cut. */
    static final int LEAVES = 8;

    private static final List<Shape> SHAPES =
            List.of(
                    Shape.of(200, 400),
                    Shape.of(5),
                    Shape.of(0),
                    Shape.of(129, 3),
                    Shape.of(65_536),
                    Shape.of(2, 40, 9));

    final List<Parameter> parameters = new ArrayList<>();
    private final List<MemorySegment> gradients = new ArrayList<>();

    /** No member where one process has all the leaves. */
    private final Optional<Team> team;

    TeamNet(Arena arena, Optional<Team> team) {
        this.team = team;
        for (int i = 0; i < SHAPES.size(); i++) {
            var shape = SHAPES.get(i);
            var value = floats(arena, shape);
            copy(usual(99).of(0, i, elements(i)), value);
            var parameter = Parameter.of("p" + i, shape, new HostMemory(value));
            gradients.add(floats(arena, shape));
            parameters.add(parameter);
            give(i);
        }
    }

    private static MemorySegment floats(Arena arena, Shape shape) {
        long bytes = shape.elements() * Float.BYTES;
        return arena.allocate(Math.max(1, bytes), 64).asSlice(0, bytes);
    }

    private static void copy(float[] from, MemorySegment to) {
        MemorySegment.copy(from, 0, to, ValueLayout.JAVA_FLOAT, 0, from.length);
    }

    /** Lets a parameter have a gradient. */
    void give(int index) {
        parameters.get(index).gradient(new HostMemory(gradients.get(index)));
    }

    /** Whether this member has the leaf. */
    boolean owns(int leaf) {
        return team.map(each -> leaf / (LEAVES / each.size()) == each.rank()).orElse(true);
    }

    /** Elements of a leaf's gradients, of either sign and several magnitudes. */
    interface Leaf {
        float[] of(int leaf, int parameter, int elements);
    }

    static Leaf usual(int number) {
        return (leaf, parameter, elements) -> {
            int bits = 1000 * number + 100 * parameter + leaf + 1;
            float scale = (1 << leaf % 5) * 0x1p-32f;
            var gradient = new float[elements];
            for (int i = 0; i < elements; i++) {
                bits = 1_664_525 * bits + 1_013_904_223;
                gradient[i] = bits * scale;
            }
            return gradient;
        };
    }

    /**
     * Puts the gradients of a batch where the next step of a member, or of one process, has them.
     * Members of an odd number let them leave as they are made, which the others do not notice.
     */
    void differentiate(Optimizer optimizer, Leaf leaves) {
        if (team.isEmpty()) {
            for (int i = 0; i < SHAPES.size(); i++) {
                var sum = sum(leaves, i, 0, LEAVES);
                for (int j = 0; j < sum.length; j++) {
                    sum[j] *= 1f / LEAVES;
                }
                copy(sum, gradients.get(i));
            }
            return;
        }
        for (int leaf = 0; leaf < LEAVES; leaf++) {
            if (owns(leaf)) {
                if (team.get().rank() % 2 == 1) {
                    int own = leaf;
                    optimizer.backward(complete -> backward(leaves, own, complete));
                    continue;
                }
                backward(leaves, leaf, _ -> {});
                if (team.get().size() < LEAVES) {
                    optimizer.accumulate();
                }
            }
        }
    }

    private void backward(Leaf leaves, int leaf, Consumer<Parameter> complete) {
        for (int i = SHAPES.size() - 1; i >= 0; i--) {
            copy(leaves.of(leaf, i, elements(i)), gradients.get(i));
            complete.accept(parameters.get(i));
        }
    }

    /** By adjacent pairs. */
    private static float[] sum(Leaf leaves, int parameter, int from, int to) {
        if (to - from == 1) {
            return leaves.of(from, parameter, elements(parameter));
        }
        var sum = sum(leaves, parameter, from, (from + to) / 2);
        var second = sum(leaves, parameter, (from + to) / 2, to);
        for (int i = 0; i < sum.length; i++) {
            sum[i] += second[i];
        }
        return sum;
    }

    private static int elements(int parameter) {
        return Math.toIntExact(SHAPES.get(parameter).elements());
    }

    /** Writes parameters, which are in no checkpoint. */
    void write(Path folder) throws IOException {
        for (var parameter : parameters) {
            Files.write(
                    folder.resolve(parameter.name()),
                    segment(parameter).toArray(ValueLayout.JAVA_BYTE));
        }
    }

    /** Reads what was written. */
    void read(Path folder) throws IOException {
        for (var parameter : parameters) {
            segment(parameter)
                    .copyFrom(
                            MemorySegment.ofArray(
                                    Files.readAllBytes(folder.resolve(parameter.name()))));
        }
    }

    private static MemorySegment segment(Parameter parameter) {
        return ((HostMemory) parameter.value()).segment();
    }

    /** A hash of all parameters. */
    Digest digest() {
        var digest = Digest.EMPTY;
        for (var parameter : parameters) {
            digest = digest.then(Digest.of(segment(parameter)));
        }
        return digest;
    }
}
