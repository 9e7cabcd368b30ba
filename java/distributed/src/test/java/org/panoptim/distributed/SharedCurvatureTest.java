package org.panoptim.distributed;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import org.junit.jupiter.api.Test;
import org.panoptim.Optimizer;
import org.panoptim.backend.Backend;
import org.panoptim.memory.HostMemory;
import org.panoptim.memory.Memory;
import org.panoptim.parameter.Parameter;
import org.panoptim.rule.Rules;
import org.panoptim.rule.SAM;
import org.panoptim.rule.SophiaH;
import org.panoptim.shard.Team;
import org.panoptim.step.NonFiniteGradientException;
import org.panoptim.step.NonFinitePolicy;
import org.panoptim.tensor.DType;
import org.panoptim.tensor.Shape;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import java.util.function.UnaryOperator;

/** Curvature in steps that a team shares: each member's, of some micro-batches. */
class SharedCurvatureTest {

    /** The state becomes the mean of what the leaves have: it keeps nothing of before. */
    private static final SophiaH RULE = Rules.sophiaH(1).withBetas(0, 0);

    /** A member with a net of two parameters of two elements, the second of them bfloat16. */
    private static final class Net implements AutoCloseable {

        final Arena arena = Arena.ofShared();
        final Backend backend = Backend.named("reference");
        final Parameter wide = parameter("wide", DType.F32);
        final Parameter narrow = parameter("narrow", DType.BF16);
        final Optimizer optimizer;

        Net(Team member, UnaryOperator<Optimizer.Builder<SophiaH>> change) {
            optimizer =
                    change.apply(
                                    Optimizer.builder(RULE)
                                            .group("all", List.of(wide, narrow))
                                            .shards(member)
                                            .backend(backend))
                            .build();
        }

        private Parameter parameter(String name, DType type) {
            var parameter =
                    Parameter.of(
                            name,
                            Shape.of(2),
                            type,
                            new HostMemory(arena.allocate(2 * type.byteSize(), 64)));
            return parameter.gradient(new HostMemory(arena.allocate(2 * type.byteSize(), 64)));
        }

        /** Hands both parameters curvature. */
        void curve(float each) {
            wide.curvature(new HostMemory(floats(each)));
            var shorts = arena.allocate(ValueLayout.JAVA_SHORT, 2);
            shorts.setAtIndex(ValueLayout.JAVA_SHORT, 0, bits(each));
            shorts.setAtIndex(ValueLayout.JAVA_SHORT, 1, bits(each));
            narrow.curvature(new HostMemory(shorts));
        }

        /** Of numbers that bfloat16 has. */
        private static short bits(float value) {
            return (short) (Float.floatToRawIntBits(value) >> 16);
        }

        MemorySegment floats(float each) {
            return arena.allocateFrom(ValueLayout.JAVA_FLOAT, each, each);
        }

        /** The curvature that this member's part of the states holds: of one parameter or none. */
        List<Float> hessian() {
            return List.of("wide", "narrow").stream()
                    .map(name -> optimizer.state(name, "hessian"))
                    .filter(state -> state.shape().elements() > 0)
                    .map(
                            state -> {
                                var values = arena.allocate(ValueLayout.JAVA_FLOAT, 2);
                                state.read(0, values);
                                return values.getAtIndex(ValueLayout.JAVA_FLOAT, 1);
                            })
                    .toList();
        }

        @Override
        public void close() {
            optimizer.close();
            backend.close();
            arena.close();
        }
    }

    /** What a member does with its net. */
    @FunctionalInterface
    private interface Work<T> {
        T of(Team member, Net net) throws Exception;
    }

    private static <T> List<Object> results(
            UnaryOperator<Optimizer.Builder<SophiaH>> change, Work<T> work) throws Exception {
        return Members.results(
                Members.team(2),
                member -> {
                    try (var net = new Net(member, change)) {
                        return work.of(member, net);
                    }
                });
    }

    @Test
    void aStepFoldsInTheMeanOfAllMembers() throws Exception {
        var found =
                results(
                        builder -> builder,
                        (member, net) -> {
                            net.curve(member.rank() == 0 ? 1 : 4);
                            var handedIn = net.wide.curvature().orElseThrow();
                            net.optimizer.step();
                            assertThat(net.wide.hasCurvature()).isFalse();
                            assertThat(net.narrow.hasCurvature()).isFalse();
                            assertThat(first(handedIn)).isEqualTo(member.rank() == 0 ? 1 : 4);
                            return net.hessian();
                        });

        assertThat(found).containsOnly(List.of(2.5f));
    }

    private static float first(Memory memory) {
        return ((HostMemory) memory).segment().get(ValueLayout.JAVA_FLOAT, 0);
    }

    @Test
    void aStepWithoutLeavesWhatIsThere() throws Exception {
        var found =
                results(
                        builder -> builder,
                        (member, net) -> {
                            net.curve(2 * member.rank());
                            net.optimizer.step();
                            net.optimizer.step();
                            return net.hessian();
                        });

        assertThat(found).containsOnly(List.of(1f));
    }

    @Test
    void everyLeafBringsItsOwn() throws Exception {
        var found =
                Members.results(
                        Members.team(2),
                        member -> {
                            try (var net = new Net(member, builder -> builder.shards(member, 4))) {
                                for (int leaf = 0; leaf < 2; leaf++) {
                                    net.curve(member.rank() == 0 ? 1 : 7 + 4 * leaf);
                                    net.optimizer.accumulate();
                                    assertThat(net.wide.hasCurvature()).isFalse();
                                }
                                net.optimizer.step();
                                return net.hessian();
                            }
                        });

        assertThat(found).containsOnly(List.of(5f));
    }

    @Test
    void whatCameWithThePassWaitsForTheStep() throws Exception {
        var found =
                results(
                        builder -> builder.companion(SAM.defaults()),
                        (member, net) -> {
                            net.curve(member.rank() + 1);
                            net.optimizer.accumulate();
                            net.optimizer.run(SAM.PERTURB);
                            net.optimizer.accumulate();
                            net.optimizer.run(SAM.RESTORE);
                            net.optimizer.step();
                            return net.hessian();
                        });

        assertThat(found).containsOnly(List.of(1.5f));
    }

    @Test
    void aSecondOneForTheSameStepIsRefused() throws Exception {
        var found =
                results(
                        builder -> builder.companion(SAM.defaults()),
                        (_, net) -> {
                            net.curve(1);
                            net.optimizer.accumulate();
                            net.optimizer.run(SAM.PERTURB);
                            net.curve(1);
                            assertThatIllegalStateException()
                                    .isThrownBy(net.optimizer::accumulate)
                                    .withMessage(
                                            "parameter 'wide' has curvature, which came already"
                                                + " with gradients that a pass has used up; hand it"
                                                + " in once for each step");
                            net.optimizer.run(SAM.RESTORE);
                            return "refused";
                        });

        assertThat(found).containsOnly("refused");
    }

    @Test
    void whatOneMemberAloneHasIsNamedOnAllAndStays() throws Exception {
        var found =
                results(
                        builder -> builder,
                        (member, net) -> {
                            if (member.rank() == 1) {
                                net.narrow.curvature(new HostMemory(net.arena.allocate(4, 64)));
                            }
                            assertThatIllegalStateException()
                                    .isThrownBy(net.optimizer::step)
                                    .withMessageStartingWith(
                                            "parameter 'narrow' has curvature on member 1, but"
                                                    + " none on member 0; ");
                            return net.narrow.hasCurvature();
                        });

        assertThat(found).containsExactly(false, true);
    }

    @Test
    void leavesOfOneStepAgree() throws Exception {
        var found =
                Members.results(
                        Members.team(2),
                        member -> {
                            try (var net = new Net(member, builder -> builder.shards(member, 4))) {
                                net.curve(1);
                                net.optimizer.accumulate();
                                net.wide.curvature(net.floats(3));
                                assertThatIllegalStateException()
                                        .isThrownBy(net.optimizer::accumulate)
                                        .withMessage(
                                                "other parameters have curvature than in the first"
                                                    + " leaf of the step; Optimizer.discard drops"
                                                    + " this member's leaves to begin anew");
                                net.curve(3);
                                net.optimizer.accumulate();
                                net.wide.curvature(net.floats(5));
                                assertThatIllegalStateException()
                                        .isThrownBy(net.optimizer::step)
                                        .withMessageStartingWith(
                                                "member 0 was handed curvature after its 2 leaves"
                                                        + " were taken up: ");
                                net.wide.clearCurvature();
                                net.optimizer.step();
                                return net.hessian();
                            }
                        });

        assertThat(found).containsOnly(List.of(2f));
    }

    @Test
    void curvatureIsDroppedWithItsLeaves() throws Exception {
        var found =
                results(
                        builder -> builder.companion(SAM.defaults()),
                        (member, net) -> {
                            net.curve(100);
                            net.optimizer.accumulate();
                            net.optimizer.discard();
                            net.curve(200);
                            net.optimizer.accumulate();
                            net.optimizer.run(SAM.PERTURB);
                            // Of leaves that the pass has used up.
                            net.optimizer.discard();
                            net.optimizer.run(SAM.RESTORE);
                            net.curve(member.rank() + 1);
                            net.optimizer.accumulate();
                            net.optimizer.step();
                            return net.hessian();
                        });

        assertThat(found).containsOnly(List.of(1.5f));
    }

    @Test
    void whatARuleDoesNotTakeIsNotTakenUp() throws Exception {
        try (var arena = Arena.ofShared();
                var backend = Backend.named("reference")) {
            var parameter = Parameter.of("p", Shape.of(1), new HostMemory(arena.allocate(4, 64)));
            try (var optimizer =
                    Optimizer.builder(Rules.sgd(1))
                            .group("all", List.of(parameter))
                            .shards(Members.team(1).getFirst())
                            .backend(backend)
                            .build()) {
                parameter.curvature(new HostMemory(arena.allocate(4, 64)));
                assertThatIllegalStateException()
                        .isThrownBy(optimizer::accumulate)
                        .withMessage("parameter 'p' has curvature, but its rule takes none");
            }
        }
    }

    @Test
    void aNumberThatIsNotFiniteOnOneMemberRefusesTheStepOnAll() throws Exception {
        var found =
                results(
                        builder -> builder.nonFinite(NonFinitePolicy.FAIL),
                        (member, net) -> {
                            net.curve(member.rank() == 1 ? Float.NaN : 1);
                            try {
                                net.optimizer.step();
                                return "a step";
                            } catch (NonFiniteGradientException e) {
                                return net.wide.hasCurvature() + " " + net.hessian();
                            }
                        });

        assertThat(found).containsOnly("false [0.0]");
    }
}
