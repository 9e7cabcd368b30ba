package org.panoptim.tests;

import static org.assertj.core.api.Assertions.assertThat;

import org.panoptim.Optimizer;
import org.panoptim.backend.Backend;
import org.panoptim.distributed.LocalTeam;
import org.panoptim.memory.HostMemory;
import org.panoptim.memory.Memory;
import org.panoptim.parameter.Parameter;
import org.panoptim.rule.MatrixRule;
import org.panoptim.rule.Slot;
import org.panoptim.rule.UpdateRule;
import org.panoptim.shard.Team;
import org.panoptim.step.NonFinitePolicy;
import org.panoptim.tensor.Shape;
import org.panoptim.tensor.StateTensor;

import java.io.ByteArrayOutputStream;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.Executors;
import java.util.function.UnaryOperator;

/**
 * Some steps of a rule that a team shares, of which the number of members must not change a bit.
 *
 * @param shapes of the parameters, in two groups
 * @param change what the optimizer has besides
 * @param stepping how a step is taken
 */
record SharedSteps(
        UpdateRule rule,
        List<Shape> shapes,
        UnaryOperator<Optimizer.Builder<?>> change,
        Stepping stepping) {

    private static final int LEAVES = 8;
    private static final int STEPS = 2;

    /** Cut between members, and not; without elements; of every number of dimensions. */
    private static final List<Shape> LARGE =
            List.of(
                    Shape.of(200, 400),
                    Shape.of(5),
                    Shape.of(0),
                    Shape.of(129, 3),
                    Shape.of(65_536),
                    Shape.of(2, 40, 9));

    /** For rules on matrices: several of a shape, more than members, and fewer. */
    private static final List<Shape> MATRICES =
            List.of(
                    Shape.of(20, 70),
                    Shape.of(5),
                    Shape.of(0),
                    Shape.of(20, 70),
                    Shape.of(33, 3),
                    Shape.of(20, 70),
                    Shape.of(2, 10, 9),
                    Shape.of(0, 3),
                    Shape.of(20, 70));

    /** Takes a step once the first gradients are there; another backward pass can be asked for. */
    interface Stepping {
        void step(Optimizer optimizer, Runnable differentiate);
    }

    /** Plain steps. */
    static SharedSteps of(UpdateRule rule) {
        var shapes =
                rule instanceof MatrixRule matrices
                        ? MATRICES.stream()
                                .filter(shape -> matrices.refusal(shape).isEmpty())
                                .toList()
                        : LARGE;
        return new SharedSteps(
                rule, shapes, UnaryOperator.identity(), (optimizer, _) -> optimizer.step());
    }

    SharedSteps with(UnaryOperator<Optimizer.Builder<?>> newChange, Stepping newStepping) {
        return new SharedSteps(rule, shapes, newChange, newStepping);
    }

    /**
     * Compares 1, 2, 4 and 8 members, on both backends with each other; of rules on matrices each
     * with itself.
     */
    void requireEqual() throws Exception {
        var expected = on("reference", 1);
        for (var backend : List.of("reference", "simd")) {
            if (rule instanceof MatrixRule) {
                expected = on(backend, 1);
            }
            boolean alone = rule instanceof MatrixRule || backend.equals("reference");
            for (int members : alone ? List.of(2, 4, 8) : List.of(1, 2, 4, 8)) {
                assertThat(on(backend, members))
                        .as("%s, %s, %d members", rule.name(), backend, members)
                        .isEqualTo(expected);
            }
        }
    }

    /** A member's net, of which every member has a copy. */
    private static final class Net {

        final List<Parameter> parameters = new ArrayList<>();
        final List<MemorySegment> gradients = new ArrayList<>();
        final List<MemorySegment> curvatures = new ArrayList<>();

        Net(Arena arena, List<Shape> shapes) {
            var values = new ArrayList<MemorySegment>();
            for (int i = 0; i < shapes.size(); i++) {
                var shape = shapes.get(i);
                values.add(floats(arena, shape));
                gradients.add(floats(arena, shape));
                curvatures.add(floats(arena, shape));
                parameters.add(Parameter.of("p" + i, shape, new HostMemory(values.get(i))));
                parameters.get(i).gradient(new HostMemory(gradients.get(i)));
            }
            fill(values, 99, 0);
        }

        private static MemorySegment floats(Arena arena, Shape shape) {
            long bytes = shape.elements() * Float.BYTES;
            return arena.allocate(Math.max(1, bytes), 64).asSlice(0, bytes);
        }

        /** The gradients of a leaf. */
        void differentiate(int step, int leaf) {
            fill(gradients, 100 * step + leaf + 1, leaf);
        }

        /** Hands in the curvature of a leaf, but for one parameter. */
        void curve(int leaf) {
            fill(curvatures, -leaf, leaf);
            for (int i = 1; i < parameters.size(); i++) {
                parameters.get(i).curvature(new HostMemory(curvatures.get(i)));
            }
        }

        /** Numbers of either sign and several magnitudes. */
        private static void fill(List<MemorySegment> arrays, int seed, int leaf) {
            int bits = seed;
            float scale = (1 << leaf % 5) * 0x1p-32f;
            for (var array : arrays) {
                for (long j = 0; j < array.byteSize() / Float.BYTES; j++) {
                    bits = 1_664_525 * bits + 1_013_904_223;
                    array.setAtIndex(ValueLayout.JAVA_FLOAT, j, bits * scale);
                }
            }
        }
    }

    /** The bytes of parameters and states after some steps, and the norms that were found. */
    List<String> on(String backend, int members) throws Exception {
        var team = LocalTeam.of(members, Duration.ofSeconds(60));
        var results = new ArrayList<Result>();
        try (var threads = Executors.newFixedThreadPool(members)) {
            var tasks =
                    team.stream()
                            .<Callable<Result>>map(member -> () -> steps(backend, member))
                            .toList();
            for (var result : threads.invokeAll(tasks)) {
                results.add(result.get());
            }
        }
        assertThat(results).extracting(Result::common).containsOnly(results.getFirst().common);
        var all = new ArrayList<>(results.getFirst().common);
        for (int i = 0; i < results.getFirst().states.size(); i++) {
            var whole = new ByteArrayOutputStream();
            for (var result : results) {
                whole.writeBytes(result.states.get(i));
            }
            all.add(hash(whole.toByteArray()));
        }
        return all;
    }

    /** What all members have, and what each has a part of. */
    private record Result(List<String> common, List<byte[]> states) {}

    private Result steps(String backend, Team member) {
        var found = new ArrayList<String>();
        var states = new ArrayList<byte[]>();
        try (var arena = Arena.ofShared();
                var opened = Backend.named(backend)) {
            var net = new Net(arena, shapes);
            var builder =
                    Optimizer.builder(rule)
                            .group("first", net.parameters.subList(0, 3))
                            .group("second", net.parameters.subList(3, shapes.size()))
                            .clipGlobalNorm(1)
                            .nonFinite(NonFinitePolicy.SKIP)
                            .statistics(true)
                            .zeroGradients(true)
                            .shards(member, LEAVES)
                            .backend(opened);
            try (var optimizer = change.apply(builder).build()) {
                for (int step = 0; step < STEPS; step++) {
                    int gradients = 2 * step;
                    differentiate(net, optimizer, member, gradients);
                    stepping.step(
                            optimizer, () -> differentiate(net, optimizer, member, gradients + 1));
                    var report = optimizer.report();
                    found.add(report.gradientNorm() + ", " + report.updateNorm());
                    net.parameters.forEach(each -> found.add(hash(bytes(each.value()))));
                }
                for (var parameter : net.parameters) {
                    for (var slot : rule.slots(parameter.shape())) {
                        if (slot.isKept() && slot.extent().isOfParameter()) {
                            var state = bytes(optimizer.state(parameter.name(), slot.name()));
                            if (slot.extent() == Slot.Extent.TENSOR) {
                                found.add(hash(state));
                            } else {
                                states.add(state);
                            }
                        }
                    }
                }
            }
        }
        return new Result(found, states);
    }

    /** Hands in the gradients of all leaves, with the first of all curvature. */
    private void differentiate(Net net, Optimizer optimizer, Team member, int number) {
        int own = LEAVES / member.size();
        for (int leaf = member.rank() * own; leaf < (member.rank() + 1) * own; leaf++) {
            net.differentiate(number, leaf);
            if (number == 0 && rule.takesCurvature()) {
                net.curve(leaf);
            }
            if (own > 1) {
                optimizer.accumulate();
            }
        }
    }

    private static byte[] bytes(Memory memory) {
        return ((HostMemory) memory).segment().toArray(ValueLayout.JAVA_BYTE);
    }

    private static byte[] bytes(StateTensor state) {
        var bytes = new byte[Math.toIntExact(state.shape().elements() * state.dtype().byteSize())];
        state.read(0, MemorySegment.ofArray(bytes));
        return bytes;
    }

    private static String hash(byte[] bytes) {
        return Integer.toHexString(Arrays.hashCode(bytes));
    }
}
