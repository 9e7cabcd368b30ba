package org.panoptim.bench;

import static org.assertj.core.api.Assertions.assertThat;

import org.panoptim.Optimizer;
import org.panoptim.backend.Backend;
import org.panoptim.bench.peer.Peer;
import org.panoptim.bench.peer.PeerModel;
import org.panoptim.parameter.Parameter;
import org.panoptim.rule.Adam;
import org.panoptim.rule.AdamW;
import org.panoptim.rule.UpdateRule;
import org.panoptim.tensor.Shape;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;

/** Holds one peer's steps against those of the reference; says "same" or fails. */
final class PeerCheck implements AutoCloseable {

    /**
     * A step moves a value, of up to 1, by about the learning rate, 1e-3. Of that, an epsilon added
     * before the square root's correction for its start, as some libraries do, takes 3e-7 /
     * |gradient|: with gradients of at least 0.01, also when clipped, 3e-8 a step. Rounding takes
     * 6e-8 for each of the few operations on the value itself. A decay left out is 1e-5 a step, a
     * correction left out far more.
     */
    private static final double TOLERANCE = 1e-6;

    private static final int STEPS = 3;
    private static final List<long[]> SHAPES =
            List.of(new long[] {7}, new long[] {3, 5}, new long[] {2, 3, 4}, new long[] {1, 33});

    private final Arena arena = Arena.ofConfined();
    private final List<MemorySegment> values = new ArrayList<>();
    private final List<MemorySegment> gradients = new ArrayList<>();
    private final List<Parameter> parameters = new ArrayList<>();
    private final Random random = new Random(1);
    private final UpdateRule rule;
    private final PeerModel model;

    private PeerCheck(Peer peer) {
        rule = peer.rule().equals("adam") ? Adam.defaults() : AdamW.defaults();
        model = peer.open(SHAPES, 2);
        for (int i = 0; i < SHAPES.size(); i++) {
            var shape = Shape.of(SHAPES.get(i));
            var value = arena.allocate(ValueLayout.JAVA_FLOAT, shape.elements());
            var gradient = arena.allocate(ValueLayout.JAVA_FLOAT, shape.elements());
            fill(value);
            fill(gradient);
            values.add(value);
            gradients.add(gradient);
            parameters.add(Parameter.of("tensor" + i, shape, value).gradient(gradient));
        }
    }

    /** Takes the peer's name. */
    public static void main(String[] arguments) {
        var peer = PeerLibraries.load(PeerLibraries.folder(), arguments[0]);
        try (var check = new PeerCheck(peer)) {
            check.steps();
        }
        try (var check = new PeerCheck(peer)) {
            check.stepsThatClipAndZero();
        }
        System.out.println("same");
    }

    private void steps() {
        writeAll();
        try (var backend = Backend.named("reference");
                var optimizer = builder(backend).build()) {
            for (int i = 0; i < STEPS; i++) {
                model.step();
                optimizer.step();
            }
            assertValues();
            for (int i = 0; i < SHAPES.size(); i++) {
                assertThat(model.gradient(i))
                        .as("gradient %d", i)
                        .isEqualTo(floats(gradients.get(i)));
            }
        }
    }

    private void stepsThatClipAndZero() {
        writeAll();
        try (var backend = Backend.named("reference");
                var optimizer = builder(backend).clipGlobalNorm(1).zeroGradients(true).build()) {
            for (int step = 0; step < STEPS; step++) {
                model.clipStepZero();
                optimizer.step();
                assertValues();
                for (int i = 0; i < SHAPES.size(); i++) {
                    assertThat(model.gradient(i)).as("gradient %d", i).containsOnly(0);
                    fill(gradients.get(i));
                    model.write(i, model.values(i), floats(gradients.get(i)));
                }
            }
        }
    }

    private Optimizer.Builder<UpdateRule> builder(Backend backend) {
        return Optimizer.builder(rule).group("all", parameters).backend(backend);
    }

    private void writeAll() {
        for (int i = 0; i < SHAPES.size(); i++) {
            model.write(i, floats(values.get(i)), floats(gradients.get(i)));
        }
    }

    private void assertValues() {
        for (int i = 0; i < SHAPES.size(); i++) {
            var actual = model.values(i);
            var expected = floats(values.get(i));
            assertThat(actual).hasSameSizeAs(expected);
            for (int j = 0; j < expected.length; j++) {
                assertThat(Math.abs((double) actual[j] - expected[j]))
                        .as("tensor %d at %d: %s, not %s", i, j, actual[j], expected[j])
                        .isLessThanOrEqualTo(TOLERANCE * (1 + Math.abs(expected[j])));
            }
        }
    }

    /** Numbers of either sign between 0.2 and 1: 79 of them, so clipping divides by less than 9. */
    private void fill(MemorySegment tensor) {
        for (long i = 0; i < tensor.byteSize() / Float.BYTES; i++) {
            float size = random.nextFloat(0.2f, 1);
            tensor.setAtIndex(ValueLayout.JAVA_FLOAT, i, random.nextBoolean() ? size : -size);
        }
    }

    private static float[] floats(MemorySegment tensor) {
        return tensor.toArray(ValueLayout.JAVA_FLOAT);
    }

    @Override
    public void close() {
        model.close();
        arena.close();
    }
}
