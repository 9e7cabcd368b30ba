package org.panoptim.distributed;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.panoptim.Optimizer;
import org.panoptim.backend.Backend;
import org.panoptim.memory.HostMemory;
import org.panoptim.parameter.Parameter;
import org.panoptim.parameter.ParameterGroup;
import org.panoptim.rule.Rules;
import org.panoptim.shard.Team;
import org.panoptim.shard.TeamException;
import org.panoptim.tensor.Shape;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;

/** Gradients that leave for their owners while the backward pass goes on. */
class BackwardTest {

    /** A member's copy of a net. */
    private static final class Net implements AutoCloseable {

        final Arena arena;
        final Backend backend = Backend.named("reference");
        final List<Parameter> parameters = new ArrayList<>();

        Net(Arena arena, long... sizes) {
            this.arena = arena;
            for (long elements : sizes) {
                var value = arena.allocate(elements * Float.BYTES, 64);
                var name = "p" + parameters.size();
                var parameter = Parameter.of(name, Shape.of(elements), new HostMemory(value));
                parameter.gradient(new HostMemory(arena.allocate(elements * Float.BYTES, 64)));
                parameters.add(parameter);
            }
        }

        Net(long... sizes) {
            this(Arena.ofShared(), sizes);
        }

        Optimizer optimizer(Team member, int leaves) {
            return Optimizer.builder(Rules.adamW(1))
                    .group("all", parameters)
                    .shards(member, leaves)
                    .backend(backend)
                    .build();
        }

        /** Adds the gradient of a leaf, of one parameter. */
        static void differentiate(Parameter parameter, int leaf) {
            var random = new Random(31L * leaf + parameter.elements());
            var gradient = segment(parameter);
            for (long i = 0; i < parameter.elements(); i++) {
                float before = gradient.getAtIndex(ValueLayout.JAVA_FLOAT, i);
                gradient.setAtIndex(ValueLayout.JAVA_FLOAT, i, before + random.nextFloat() - 0.5f);
            }
        }

        /** A backward pass from the last parameter to the first. */
        void backward(int leaf, Consumer<Parameter> complete) {
            for (var parameter : parameters.reversed()) {
                differentiate(parameter, leaf);
                complete.accept(parameter);
            }
        }

        private static MemorySegment segment(Parameter parameter) {
            return ((HostMemory) parameter.gradient().orElseThrow()).segment();
        }

        float first() {
            return value(parameters.getFirst()).get(ValueLayout.JAVA_FLOAT, 0);
        }

        /** All gradients, one after another. */
        float[] gradients() {
            int count = parameters.stream().mapToInt(each -> (int) each.elements()).sum();
            var all = MemorySegment.ofArray(new float[count]);
            long at = 0;
            for (var parameter : parameters) {
                var gradient = segment(parameter);
                all.asSlice(at, gradient.byteSize()).copyFrom(gradient);
                at += gradient.byteSize();
            }
            return all.toArray(ValueLayout.JAVA_FLOAT);
        }

        /** The bits of all values. */
        List<ByteBuffer> bits() {
            return parameters.stream()
                    .map(each -> ByteBuffer.wrap(value(each).toArray(ValueLayout.JAVA_BYTE)))
                    .toList();
        }

        private static MemorySegment value(Parameter parameter) {
            return ((HostMemory) parameter.value()).segment();
        }

        @Override
        public void close() {
            backend.close();
            if (arena.scope().isAlive()) {
                arena.close();
            }
        }
    }

    /** A member that tells when it sends much at once. */
    private static Team watched(Team member, CountDownLatch large) {
        return Members.observed(
                member,
                sent -> {
                    if (sent.stream().flatMap(List::stream).mapToLong(MemorySegment::byteSize).sum()
                            > 1 << 20) {
                        large.countDown();
                    }
                });
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 4})
    void whatElseTheTeamDoesMeanwhileDoesNotMixWithIt(int size) throws Exception {
        var expected = Members.results(Members.team(1), member -> twoNets(member, false));
        var found = Members.results(Members.team(size), member -> twoNets(member, true));

        assertThat(found).hasSize(size).containsOnly(expected.getFirst());
    }

    /**
     * Trains two nets.
     *
     * @param early whether gradients leave in the pass, and members talk before the step
     */
    private static Object twoNets(Team member, boolean early) {
        try (var net = new Net(300, 70_000);
                var other = new Net(70_000, 300);
                var first = net.optimizer(member, 4);
                var second = other.optimizer(member, 4)) {
            int own = 4 / member.size();
            for (int step = 0; step < 2; step++) {
                for (int i = 0; i < own; i++) {
                    int leaf = 8 * step + member.rank() * own + i;
                    take(net, first, leaf, early);
                    take(other, second, leaf + 4, early);
                }
                if (early) {
                    assertThat(member.gather(new byte[97])).hasSize(member.size());
                    try (var third = new Net(5);
                            var late = third.optimizer(member, 4)) {
                        assertThat(late.team()).contains(member);
                    }
                }
                second.step();
                first.step();
            }
            return List.of(net.bits(), other.bits());
        }
    }

    private static void take(Net net, Optimizer optimizer, int leaf, boolean early) {
        if (early) {
            optimizer.backward(complete -> net.backward(leaf, complete));
        } else {
            net.backward(leaf, _ -> {});
            optimizer.accumulate();
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {2, 4})
    void aBucketLeavesBeforeThePassIsOver(int leaves) throws Exception {
        var sizes = new long[9];
        Arrays.fill(sizes, 16 * 65_536);
        var found =
                Members.results(
                        Members.team(2),
                        member -> {
                            var left = new CountDownLatch(1);
                            try (var net = new Net(sizes);
                                    var optimizer = net.optimizer(watched(member, left), leaves)) {
                                int own = leaves / 2;
                                for (int i = 1; i < own; i++) {
                                    int leaf = member.rank() * own;
                                    optimizer.backward(complete -> net.backward(leaf, complete));
                                }
                                var inPass = new boolean[1];
                                optimizer.backward(
                                        complete -> {
                                            int leaf = (member.rank() + 1) * own - 1;
                                            for (var parameter : net.parameters.reversed()) {
                                                if (parameter == net.parameters.get(1)) {
                                                    inPass[0] = awaited(left);
                                                }
                                                Net.differentiate(parameter, leaf);
                                                complete.accept(parameter);
                                            }
                                        });
                                optimizer.step();
                                return List.of(inPass[0], net.bits());
                            }
                        });
        var expected = List.of(true, stepped(leaves, sizes));

        assertThat(found).containsExactly(expected, expected);
    }

    private static boolean awaited(CountDownLatch latch) {
        try {
            return latch.await(30, TimeUnit.SECONDS);
        } catch (InterruptedException e) {
            throw new AssertionError(e);
        }
    }

    @ParameterizedTest
    @CsvSource({"1, 1", "1, 4", "2, 2", "2, 8", "4, 4", "4, 8"})
    void theBitsAreThoseOfGradientsThatLeaveWithTheStep(int members, int leaves) throws Exception {
        long[] sizes = {70_000, 3, 0, 140_001};
        var expected = trained(1, leaves, sizes, false);
        var found = trained(members, leaves, sizes, true);

        assertThat(found).hasSize(members).containsOnly(expected.getFirst());
    }

    private static List<Object> trained(int members, int leaves, long[] sizes, boolean early)
            throws Exception {
        return Members.results(
                Members.team(members),
                member -> {
                    try (var net = new Net(sizes);
                            var optimizer = net.optimizer(member, leaves)) {
                        int own = leaves / members;
                        for (int step = 0; step < 3; step++) {
                            for (int i = 0; i < own; i++) {
                                int leaf = 100 * step + member.rank() * own + i;
                                // The members need not do the same.
                                if (early && member.rank() % 2 == 0) {
                                    optimizer.backward(complete -> net.backward(leaf, complete));
                                } else if (early && member.rank() == 1) {
                                    optimizer.backward(_ -> net.backward(leaf, _ -> {}));
                                } else {
                                    net.backward(leaf, _ -> {});
                                    optimizer.accumulate();
                                }
                            }
                            optimizer.step();
                            assertThat(net.gradients()).as("used up").containsOnly(0f);
                        }
                        return net.bits();
                    }
                });
    }

    @Test
    void memoryOfOneThreadLeavesWithTheStep() throws Exception {
        var found =
                Members.results(
                        Members.team(2),
                        member -> {
                            try (var net = new Net(Arena.ofConfined(), 5);
                                    var optimizer = net.optimizer(member, 2)) {
                                optimizer.backward(complete -> net.backward(1, complete));
                                optimizer.zeroGrad();
                                net.backward(1, _ -> {});
                                optimizer.step();
                                return net.first();
                            }
                        });

        assertThat(found).hasSize(2).doesNotContain(0f);
    }

    @Test
    void aPassThatFailsEndsTheTeamWithItsReason() throws Exception {
        var found =
                Members.results(
                        Members.team(2),
                        member -> {
                            try (var net = new Net(5, 6);
                                    var optimizer = net.optimizer(member, 2)) {
                                optimizer.backward(
                                        complete -> {
                                            complete.accept(net.parameters.getLast());
                                            if (member.rank() == 1) {
                                                throw new ArithmeticException("no loss");
                                            }
                                        });
                                optimizer.step();
                                return net.bits();
                            }
                        });

        assertThat((Throwable) found.getFirst())
                .isInstanceOf(TeamException.class)
                .hasMessage("member 1 gave up: no loss");
        assertThat((Throwable) found.getLast()).isInstanceOf(ArithmeticException.class);
    }

    @Test
    void whileGradientsAreOnTheirWayNothingElseIsDone() throws Exception {
        var found =
                Members.results(
                        Members.team(2),
                        member -> {
                            try (var net = new Net(5, 6);
                                    var optimizer = net.optimizer(member, 2)) {
                                optimizer.backward(complete -> net.backward(1, complete));
                                assertThatIllegalStateException()
                                        .isThrownBy(optimizer::zeroGrad)
                                        .withMessage(
                                                "gradients are on their way to their owners, so"
                                                        + " they cannot be zeroed: take the step"
                                                        + " first");
                                var path = Path.of("checkpoint");
                                assertThatIllegalStateException()
                                        .isThrownBy(() -> optimizer.save(path));
                                assertThatIllegalStateException()
                                        .isThrownBy(() -> optimizer.load(path));
                                assertThatIllegalStateException()
                                        .isThrownBy(() -> optimizer.freeze("all"));
                                var more = new ParameterGroup("more", Rules.adamW(1), List.of());
                                assertThatIllegalStateException()
                                        .isThrownBy(() -> optimizer.add(more));
                                assertThatIllegalStateException().isThrownBy(optimizer::discard);
                                assertThatIllegalStateException()
                                        .isThrownBy(optimizer::accumulate)
                                        .withMessageContaining("all have come");
                                assertThatIllegalStateException()
                                        .isThrownBy(() -> optimizer.backward(_ -> {}));
                                optimizer.learningRate("all", 0);
                                optimizer.step();
                                return net.first();
                            }
                        });

        assertThat(found).containsOnly(0f);
    }

    @ParameterizedTest
    @ValueSource(ints = {2, 4})
    void aRateThatOneMemberChangesOnTheWayIsFoundOutOnAllAndTheStepCanBeTakenAgain(int leaves)
            throws Exception {
        long[] sizes = {5, 6};
        var found =
                Members.results(
                        Members.team(2),
                        member -> {
                            try (var net = new Net(sizes);
                                    var optimizer = net.optimizer(member, leaves)) {
                                for (int i = 0; i < leaves / 2; i++) {
                                    int leaf = member.rank() * leaves / 2 + i;
                                    optimizer.backward(complete -> net.backward(leaf, complete));
                                }
                                optimizer.learningRate("all", member.rank() == 1 ? 0.5 : 1);
                                assertThatIllegalStateException()
                                        .isThrownBy(optimizer::step)
                                        .withMessage(
                                                "members differ: group 'all': learning rate 0.5 on"
                                                        + " member 1, 1.0 on member 0");
                                assertThat(net.first()).isZero();
                                optimizer.learningRate("all", 1);
                                optimizer.step();
                                return net.bits();
                            }
                        });
        var expected = stepped(leaves, sizes);

        assertThat(found).containsExactly(expected, expected);
    }

    /** What one process has after a step by itself. */
    private static Object stepped(int leaves, long[] sizes) throws Exception {
        return Members.results(
                        Members.team(1),
                        member -> {
                            try (var net = new Net(sizes);
                                    var optimizer = net.optimizer(member, leaves)) {
                                for (int leaf = 0; leaf < leaves; leaf++) {
                                    net.backward(leaf, _ -> {});
                                    optimizer.accumulate();
                                }
                                optimizer.step();
                                return net.bits();
                            }
                        })
                .getFirst();
    }

    @Test
    void allMayChangeTheRateOnTheWayWhetherGradientsHaveLeftOrNot() throws Exception {
        var found =
                Members.results(
                        Members.team(2),
                        member -> {
                            try (var net = new Net(5);
                                    var optimizer = net.optimizer(member, 2)) {
                                if (member.rank() == 1) {
                                    optimizer.backward(complete -> net.backward(1, complete));
                                } else {
                                    net.backward(0, _ -> {});
                                }
                                optimizer.learningRate("all", 0);
                                optimizer.step();
                                return net.first();
                            }
                        });

        assertThat(found).containsOnly(0f);
    }

    @Test
    void aGradientThatThePassMakesFirstLeavesWithTheStep() throws Exception {
        long[] sizes = {5, 6};
        var found =
                Members.results(
                        Members.team(2),
                        member -> {
                            try (var net = new Net(sizes);
                                    var optimizer = net.optimizer(member, 2)) {
                                var late = net.parameters.getFirst();
                                var gradient = late.gradient().orElseThrow();
                                late.clearGradient();
                                optimizer.backward(
                                        complete -> {
                                            late.gradient(gradient);
                                            net.backward(member.rank(), complete);
                                        });
                                optimizer.step();
                                return net.bits();
                            }
                        });
        var expected = stepped(2, sizes);

        assertThat(found).containsExactly(expected, expected);
    }

    @Test
    void afterItsLastLeafAMemberRunsNoPass() throws Exception {
        try (var net = new Net(5);
                var optimizer = net.optimizer(Members.team(1).getFirst(), 1)) {
            net.backward(1, _ -> {});
            optimizer.accumulate();
            assertThatIllegalStateException()
                    .isThrownBy(
                            () ->
                                    optimizer.backward(
                                            _ -> {
                                                throw new AssertionError("it was run");
                                            }))
                    .withMessageContaining("all have come");
        }
    }

    @Test
    void valuesMayBeOneThreadsAlone() throws Exception {
        var found =
                Members.results(
                        Members.team(1),
                        member -> {
                            try (var values = Arena.ofConfined();
                                    var net = new Net(5)) {
                                var value = new HostMemory(values.allocate(5L * Float.BYTES, 64));
                                var parameter =
                                        Parameter.of("p0", Shape.of(5), value)
                                                .gradient(
                                                        net.parameters
                                                                .getFirst()
                                                                .gradient()
                                                                .orElseThrow());
                                net.parameters.set(0, parameter);
                                try (var optimizer = net.optimizer(member, 1)) {
                                    optimizer.backward(complete -> net.backward(1, complete));
                                    optimizer.step();
                                    return net.first();
                                }
                            }
                        });

        assertThat(found).hasSize(1).doesNotContain(0f).allMatch(Float.class::isInstance);
    }

    @ParameterizedTest
    @CsvSource({"2", "4"})
    void afterARefusalTheLeafIsStillThere(int leaves) throws Exception {
        var found =
                Members.results(
                        Members.team(2),
                        member -> {
                            try (var net = new Net(5);
                                    var optimizer = net.optimizer(member, leaves)) {
                                if (member.rank() == 1) {
                                    optimizer.freeze("all");
                                    optimizer.unfreeze("all");
                                    optimizer.learningRate("all", 2);
                                }
                                for (int i = 0; i < leaves / 2; i++) {
                                    int leaf = i;
                                    optimizer.backward(complete -> net.backward(leaf, complete));
                                }
                                assertThatIllegalStateException().isThrownBy(optimizer::step);
                                optimizer.learningRate("all", 1);
                                optimizer.step();
                                return net.bits();
                            }
                        });
        var expected =
                Members.results(
                        Members.team(1),
                        member -> {
                            try (var net = new Net(5);
                                    var optimizer = net.optimizer(member, leaves)) {
                                for (int i = 0; i < leaves; i++) {
                                    net.backward(i % (leaves / 2), _ -> {});
                                    optimizer.accumulate();
                                }
                                optimizer.step();
                                return net.bits();
                            }
                        });

        assertThat(found).containsExactly(expected.getFirst(), expected.getFirst());
    }

    @Test
    void gradientsThatAreSetAnewOnTheWayEndTheTeam() throws Exception {
        var found =
                Members.results(
                        Members.team(2),
                        member -> {
                            try (var net = new Net(5, 6);
                                    var optimizer = net.optimizer(member, 2)) {
                                optimizer.backward(complete -> net.backward(1, complete));
                                if (member.rank() == 0) {
                                    net.parameters.getFirst().clearGradient();
                                }
                                optimizer.step();
                                return net.bits();
                            }
                        });

        assertThat((Throwable) found.getFirst())
                .isInstanceOf(IllegalStateException.class)
                .hasMessage(
                        "gradients or curvature were set or taken away while gradients were on"
                                + " their way to their owners");
        assertThat((Throwable) found.getLast())
                .isInstanceOf(TeamException.class)
                .hasMessageStartingWith("member 0 gave up: gradients or curvature were set");
    }

    @Test
    void anOptimizerThatIsClosedOnTheWayEndsTheTeam() throws Exception {
        var found =
                Members.results(
                        Members.team(2),
                        member -> {
                            try (var net = new Net(5, 6)) {
                                var optimizer = net.optimizer(member, 2);
                                optimizer.backward(complete -> net.backward(1, complete));
                                if (member.rank() == 1) {
                                    optimizer.close();
                                    return "closed";
                                }
                                try (optimizer) {
                                    optimizer.step();
                                }
                                return net.bits();
                            }
                        });

        assertThat(found.getLast()).isEqualTo("closed");
        assertThat((Throwable) found.getFirst())
                .isInstanceOf(TeamException.class)
                .hasMessage(
                        "member 1 gave up: the optimizer was closed while gradients were on their"
                                + " way");
    }

    @Test
    void aParameterOfAnotherOptimizerIsRefused() {
        try (var net = new Net(5);
                var other = new Net(5);
                var optimizer =
                        Optimizer.builder(Rules.sgd(1))
                                .group("all", net.parameters)
                                .backend(net.backend)
                                .build()) {
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> optimizer.backward(complete -> other.backward(1, complete)))
                    .withMessage("parameter 'p0' is not this optimizer's");
            optimizer.backward(complete -> net.backward(1, complete));
            optimizer.step();
            assertThat(net.first()).isNotZero();
        }
    }
}
