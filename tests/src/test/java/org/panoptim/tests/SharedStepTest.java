package org.panoptim.tests;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.panoptim.Optimizer;
import org.panoptim.backend.Backend;
import org.panoptim.distributed.LocalTeam;
import org.panoptim.memory.HostMemory;
import org.panoptim.memory.Memory;
import org.panoptim.parameter.Parameter;
import org.panoptim.rule.AdaptiveClip;
import org.panoptim.rule.Cautious;
import org.panoptim.rule.Centralize;
import org.panoptim.rule.Hypergradient;
import org.panoptim.rule.Lookahead;
import org.panoptim.rule.MatrixRule;
import org.panoptim.rule.Rules;
import org.panoptim.rule.SAM;
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
import java.util.Random;
import java.util.concurrent.Callable;
import java.util.concurrent.Executors;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;

/** One, two, four and eight members of a team take steps with the same bits. */
class SharedStepTest {

    private static final int LEAVES = 8;
    private static final int STEPS = 2;

    private static final List<Shape> SHAPES =
            List.of(
                    Shape.of(200, 700),
                    Shape.of(5),
                    Shape.of(0),
                    Shape.of(129, 3),
                    Shape.of(65_536),
                    Shape.of(2, 40, 9));

    /** A member's net, of which every member has a copy. */
    private static final class Net {

        final List<Parameter> parameters = new ArrayList<>();
        final List<MemorySegment> gradients = new ArrayList<>();
        final List<MemorySegment> curvatures = new ArrayList<>();

        Net(Arena arena) {
            var random = new Random(1);
            for (int i = 0; i < SHAPES.size(); i++) {
                var shape = SHAPES.get(i);
                var value = arena.allocate(Math.max(1, shape.elements()) * Float.BYTES, 64);
                var gradient = arena.allocate(Math.max(1, shape.elements()) * Float.BYTES, 64);
                for (long j = 0; j < shape.elements(); j++) {
                    value.setAtIndex(ValueLayout.JAVA_FLOAT, j, (float) random.nextGaussian());
                }
                long bytes = shape.elements() * Float.BYTES;
                var parameter =
                        Parameter.of("p" + i, shape, new HostMemory(value.asSlice(0, bytes)));
                gradients.add(gradient.asSlice(0, bytes));
                parameter.gradient(new HostMemory(gradients.getLast()));
                curvatures.add(arena.allocate(Math.max(1, bytes), 64).asSlice(0, bytes));
                parameters.add(parameter);
            }
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

    static Stream<UpdateRule> rules() {
        return Rules.all().stream().filter(rule -> !(rule instanceof MatrixRule));
    }

    @ParameterizedTest
    @MethodSource("rules")
    void theNumberOfMembersChangesNoBit(UpdateRule rule) throws Exception {
        requireEqualSteps(rule, UnaryOperator.identity(), (optimizer, _) -> optimizer.step());
    }

    static Stream<UpdateRule> companions() {
        return Stream.of(
                Lookahead.defaults().withK(2),
                Cautious.ofUpdates(),
                new Centralize(),
                AdaptiveClip.defaults(),
                Hypergradient.defaults());
    }

    @ParameterizedTest
    @MethodSource("companions")
    void norWithCompanionsThatGoWithEveryStep(UpdateRule companion) throws Exception {
        requireEqualSteps(
                Rules.adamW(1e-2),
                builder -> builder.companion(companion),
                (optimizer, _) -> optimizer.step());
    }

    @Test
    void norWithPassesThatTakeGradientsOfTheirOwn() throws Exception {
        requireEqualSteps(
                Rules.adamW(1e-2),
                builder -> builder.companion(SAM.defaults()),
                (optimizer, differentiate) -> {
                    optimizer.run(SAM.PERTURB);
                    differentiate.run();
                    optimizer.run(SAM.RESTORE);
                    optimizer.step();
                });
    }

    @Test
    void norWithCurvatureThatWaitsForAPass() throws Exception {
        requireEqualSteps(
                Rules.sophiaG(1e-2),
                builder -> builder.companion(SAM.defaults()),
                (optimizer, differentiate) -> {
                    optimizer.run(SAM.PERTURB);
                    differentiate.run();
                    optimizer.run(SAM.RESTORE);
                    optimizer.step();
                });
    }

    @Test
    void norWithAveragesOfParameters() throws Exception {
        requireEqualSteps(
                Rules.scheduleFreeAdamW(1e-2),
                UnaryOperator.identity(),
                (optimizer, _) -> {
                    optimizer.step();
                    optimizer.run("eval");
                    optimizer.run("train");
                });
    }

    /** Takes a step once the first gradients are there; another backward pass can be asked for. */
    private interface Stepping {
        void step(Optimizer optimizer, Runnable differentiate);
    }

    private static void requireEqualSteps(
            UpdateRule rule, UnaryOperator<Optimizer.Builder<?>> change, Stepping stepping)
            throws Exception {
        var work = new Work(rule, change, stepping);
        var alone = work.on("reference", 1);
        for (var backend : List.of("reference", "simd")) {
            for (int members : List.of(1, 2, 4, 8)) {
                assertThat(work.on(backend, members))
                        .as("%s, %s, %d members", rule.name(), backend, members)
                        .isEqualTo(alone);
            }
        }
    }

    /** Some steps of a rule, and how they are taken. */
    private record Work(
            UpdateRule rule, UnaryOperator<Optimizer.Builder<?>> change, Stepping stepping) {

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
                var net = new Net(arena);
                var builder =
                        Optimizer.builder(rule)
                                .group("first", net.parameters.subList(0, 3))
                                .group("second", net.parameters.subList(3, SHAPES.size()))
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
                                optimizer,
                                () -> differentiate(net, optimizer, member, gradients + 1));
                        var report = optimizer.report();
                        found.add(report.gradientNorm() + ", " + report.updateNorm());
                        net.parameters.forEach(each -> found.add(hash(bytes(each.value()))));
                    }
                    for (var parameter : net.parameters) {
                        for (var slot : rule.slots(parameter.shape())) {
                            if (slot.extent() == Slot.Extent.ELEMENT) {
                                states.add(bytes(optimizer.state(parameter.name(), slot.name())));
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
            var bytes = new byte[Math.toIntExact(state.shape().elements() * Float.BYTES)];
            state.read(0, MemorySegment.ofArray(bytes));
            return bytes;
        }

        private static String hash(byte[] bytes) {
            return Integer.toHexString(Arrays.hashCode(bytes));
        }
    }
}
