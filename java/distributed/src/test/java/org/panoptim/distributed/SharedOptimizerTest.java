package org.panoptim.distributed;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;
import org.panoptim.Optimizer;
import org.panoptim.backend.Backend;
import org.panoptim.memory.HostMemory;
import org.panoptim.memory.Memory;
import org.panoptim.parameter.Parameter;
import org.panoptim.parameter.ParameterGroup;
import org.panoptim.rule.Rules;
import org.panoptim.rule.SGD;
import org.panoptim.shard.Team;
import org.panoptim.shard.TeamException;
import org.panoptim.step.LossScale;
import org.panoptim.tensor.Shape;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.function.UnaryOperator;

/** An optimizer whose step a team shares, as its members see it. */
class SharedOptimizerTest {

    /** A member's copy of a net of two parameters, of which the first has three units of work. */
    private static final class Net implements AutoCloseable {

        final Arena arena = Arena.ofShared();
        final Backend backend = Backend.named("reference");
        final Parameter large = parameter("large", 2 * 65_536 + 5);
        final Parameter small = parameter("small", 3);

        private Parameter parameter(String name, long elements) {
            var value = arena.allocate(elements * Float.BYTES, 64);
            var parameter = Parameter.of(name, Shape.of(elements), new HostMemory(value));
            parameter.gradient(new HostMemory(arena.allocate(elements * Float.BYTES, 64)));
            return parameter;
        }

        List<Parameter> all() {
            return List.of(large, small);
        }

        /** Fills gradients. */
        void differentiate(float each) {
            for (var parameter : all()) {
                var gradient = segment(parameter.gradient().orElseThrow());
                for (long i = 0; i < parameter.elements(); i++) {
                    gradient.setAtIndex(ValueLayout.JAVA_FLOAT, i, each);
                }
            }
        }

        float value(Parameter parameter, long index) {
            return segment(parameter.value()).getAtIndex(ValueLayout.JAVA_FLOAT, index);
        }

        private static MemorySegment segment(Memory memory) {
            return ((HostMemory) memory).segment();
        }

        Optimizer optimizer(Team member, UnaryOperator<Optimizer.Builder<SGD>> change) {
            return change.apply(
                            Optimizer.builder(Rules.sgd(1))
                                    .group("all", all())
                                    .shards(member)
                                    .backend(backend))
                    .build();
        }

        @Override
        public void close() {
            backend.close();
            arena.close();
        }
    }

    @Test
    void aStepGoesByTheMeanOfAllGradientsAndEverybodyHasTheParameters() throws Exception {
        var values =
                Members.results(
                        Members.team(4),
                        member -> {
                            try (var net = new Net();
                                    var optimizer = net.optimizer(member, builder -> builder)) {
                                net.differentiate(member.rank() + 1);
                                optimizer.step();
                                return List.of(
                                        net.value(net.large, 0),
                                        net.value(net.large, 2 * 65_536 + 4),
                                        net.value(net.small, 2));
                            }
                        });

        assertThat(values).hasSize(4).containsOnly(List.of(-2.5f, -2.5f, -2.5f));
    }

    @Test
    void everyMemberKeepsTheStatesOfItsPartAlone() throws Exception {
        var elements =
                Members.results(
                        Members.team(2),
                        member -> {
                            try (var net = new Net();
                                    var optimizer =
                                            Optimizer.builder(Rules.adamW(1))
                                                    .group("all", net.all())
                                                    .shards(member)
                                                    .backend(net.backend)
                                                    .build()) {
                                return List.of(
                                        optimizer.state("large", "exp_avg").shape().elements(),
                                        optimizer.state("small", "exp_avg").shape().elements());
                            }
                        });

        assertThat(elements).containsExactly(List.of(65_536L, 0L), List.of(65_541L, 3L));
    }

    @Test
    void statesOfRowsAndColumnsAreWhereTheParameterIs() throws Exception {
        var elements =
                Members.results(
                        Members.team(2),
                        member -> {
                            try (var arena = Arena.ofShared();
                                    var backend = Backend.named("reference")) {
                                var matrix =
                                        Parameter.of(
                                                "matrix",
                                                Shape.of(2, 3),
                                                new HostMemory(arena.allocate(6L * Float.BYTES)));
                                try (var optimizer =
                                        Optimizer.builder(Rules.adafactor(1))
                                                .group("all", List.of(matrix))
                                                .shards(member)
                                                .backend(backend)
                                                .build()) {
                                    return List.of(
                                            optimizer.state("matrix", "row_var").shape(),
                                            optimizer.state("matrix", "col_var").shape());
                                }
                            }
                        });

        assertThat(elements)
                .containsExactly(
                        List.of(Shape.of(0), Shape.of(0)), List.of(Shape.of(2, 1), Shape.of(1, 3)));
    }

    @Test
    void aGroupThatIsAddedIsSharedToo() throws Exception {
        var values =
                Members.results(
                        Members.team(2),
                        member -> {
                            try (var net = new Net();
                                    var optimizer =
                                            Optimizer.builder(Rules.sgd(1).withMomentum(0.5))
                                                    .group("first", List.of(net.large))
                                                    .shards(member)
                                                    .backend(net.backend)
                                                    .build()) {
                                net.differentiate(1);
                                optimizer.step();
                                optimizer.add(
                                        new ParameterGroup(
                                                "second", Rules.sgd(1), List.of(net.small)));
                                net.differentiate(1);
                                optimizer.step();
                                return List.of(
                                        net.value(net.large, 70_000), net.value(net.small, 0));
                            }
                        });

        assertThat(values).containsOnly(List.of(-2.5f, -1f));
    }

    @Test
    void aNumberThatIsNotFiniteOnOneMemberRefusesTheStepOnAll() throws Exception {
        var found =
                Members.results(
                        Members.team(2),
                        member -> {
                            try (var net = new Net();
                                    var optimizer =
                                            net.optimizer(
                                                    member,
                                                    builder ->
                                                            builder.lossScale(
                                                                    LossScale.dynamic()))) {
                                double before = optimizer.lossScale();
                                net.differentiate(member.rank() == 1 ? Float.POSITIVE_INFINITY : 1);
                                optimizer.step();
                                return List.of(
                                        net.value(net.large, 0),
                                        optimizer.lossScale() / before,
                                        optimizer.report().skipped());
                            }
                        });

        assertThat(found).hasSize(2).containsOnly(List.of(0f, 0.5, 1L));
    }

    @Test
    void membersThatMeanOtherThingsAreToldWhichWhenTheyAreBuilt() throws Exception {
        assertThat(
                        built(
                                2,
                                (member, builder) ->
                                        member.rank() == 1 ? builder.statistics(true) : builder))
                .allSatisfy(
                        thrown ->
                                assertThat((Throwable) thrown)
                                        .isInstanceOf(TeamException.class)
                                        .hasMessage(
                                                "member 1 has other settings of the step than"
                                                        + " member 0"));
        var others =
                Members.results(
                        Members.team(4),
                        member -> {
                            try (var net = new Net()) {
                                return Optimizer.builder(Rules.sgd(member.rank() == 3 ? 2 : 1))
                                        .group("all", net.all())
                                        .shards(member)
                                        .backend(net.backend)
                                        .build();
                            }
                        });
        assertThat(others)
                .hasSize(4)
                .allSatisfy(
                        thrown ->
                                assertThat((Throwable) thrown)
                                        .isInstanceOf(TeamException.class)
                                        .hasMessage(
                                                "member 3 has other groups or rules than member"
                                                        + " 0"));
    }

    /** How a member is built. */
    @FunctionalInterface
    private interface Change {
        Optimizer.Builder<SGD> of(Team member, Optimizer.Builder<SGD> builder);
    }

    private static List<Object> built(int members, Change change) throws Exception {
        return Members.results(
                Members.team(members),
                member -> {
                    try (var net = new Net()) {
                        return net.optimizer(member, builder -> change.of(member, builder));
                    }
                });
    }

    @Test
    void aGradientThatOneMemberLacksIsNamedOnAllAndNothingChanges() throws Exception {
        var found =
                Members.results(
                        Members.team(2),
                        member -> {
                            try (var net = new Net();
                                    var optimizer = net.optimizer(member, builder -> builder)) {
                                net.differentiate(1);
                                if (member.rank() == 0) {
                                    net.small.clearGradient();
                                }
                                assertThatIllegalStateException()
                                        .isThrownBy(optimizer::step)
                                        .withMessageStartingWith(
                                                "parameter 'small' has a gradient on member 1, but"
                                                        + " none on member 0; ");
                                return net.value(net.large, 0);
                            }
                        });

        assertThat(found).containsOnly(0f);
    }

    @Test
    void curvatureIsRefusedOnAllBeforeAnythingChanges() throws Exception {
        var found =
                Members.results(
                        Members.team(2),
                        member -> {
                            try (var net = new Net();
                                    var optimizer =
                                            Optimizer.builder(Rules.sophiaG(1))
                                                    .group("all", net.all())
                                                    .shards(member)
                                                    .backend(net.backend)
                                                    .build()) {
                                net.differentiate(member.rank());
                                net.small.curvature(new HostMemory(net.arena.allocate(12, 64)));
                                assertThatIllegalStateException()
                                        .isThrownBy(optimizer::step)
                                        .withMessage(
                                                "parameter 'small' has curvature, which a team does"
                                                        + " not share");
                                return List.of(
                                        net.value(net.large, 0),
                                        Net.segment(net.large.gradient().orElseThrow())
                                                .get(ValueLayout.JAVA_FLOAT, 0));
                            }
                        });

        assertThat(found).containsExactly(List.of(0f, 0f), List.of(0f, 1f));
    }

    @Test
    void aMemberThatDoesNotStepLeavesTheOthersAsTheyAre() throws Exception {
        // Long enough for both to be built at about the same time.
        var team = LocalTeam.of(2, Duration.ofSeconds(3));
        var told = new CountDownLatch(1);
        var found =
                Members.results(
                        team,
                        member -> {
                            try (var net = new Net();
                                    var optimizer = net.optimizer(member, builder -> builder)) {
                                net.differentiate(1);
                                if (member.rank() == 0) {
                                    assertThatThrownBy(optimizer::step)
                                            .isInstanceOf(TeamException.class)
                                            .hasMessage("member 0 waited PT3S for the others");
                                    told.countDown();
                                } else {
                                    told.await();
                                }
                                return net.value(net.large, 0);
                            }
                        });

        assertThat(found).containsOnly(0f);
    }

    @Test
    void leavesAreTakenUpOneByOneAndAllOfThem() throws Exception {
        var found =
                Members.results(
                        Members.team(2),
                        member -> {
                            try (var net = new Net();
                                    var optimizer =
                                            net.optimizer(
                                                    member, builder -> builder.shards(member, 4))) {
                                net.differentiate(1);
                                optimizer.accumulate();
                                assertThatIllegalStateException()
                                        .isThrownBy(optimizer::step)
                                        .withMessageStartingWith(
                                                "member 0 has not taken up its 2 leaves: ");
                                assertThat(net.value(net.large, 0)).isZero();
                                net.differentiate(3);
                                optimizer.accumulate();
                                assertThatIllegalStateException()
                                        .isThrownBy(optimizer::accumulate)
                                        .withMessageStartingWith(
                                                "this member has 2 of 4 leaves, and all have");
                                optimizer.step();
                                return net.value(net.large, 0);
                            }
                        });

        assertThat(found).containsOnly(-2f);
    }

    @Test
    void leavesThatDoNotFitAreRefused() throws Exception {
        assertThatIllegalArgumentException()
                .isThrownBy(
                        () -> Optimizer.builder(Rules.sgd(1)).shards(Members.team(2).getFirst(), 6))
                .withMessage(
                        "leaves must be a power of two that the number of members divides, but are"
                                + " 6 for 2 members");
        assertThatIllegalArgumentException()
                .isThrownBy(
                        () -> Optimizer.builder(Rules.sgd(1)).shards(Members.team(3).getFirst()));
    }

    @Test
    void whatATeamDoesNotShareIsRefused() throws Exception {
        try (var net = new Net()) {
            var alone = Members.team(1).getFirst();
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> net.optimizer(alone, builder -> builder.transform(_ -> {})))
                    .withMessageStartingWith("a transform of gradients cannot go with a team");
            try (var optimizer = net.optimizer(alone, builder -> builder)) {
                assertThatThrownBy(() -> optimizer.save(Path.of("never")))
                        .isInstanceOf(UnsupportedOperationException.class)
                        .hasMessage("states that a team has shared out cannot be saved");
                assertThatThrownBy(() -> optimizer.load(Path.of("never")))
                        .isInstanceOf(UnsupportedOperationException.class)
                        .hasMessage("states that a team has shared out cannot be loaded");
            }
            try (var optimizer = Optimizer.of(Rules.sgd(1), net.all())) {
                assertThatIllegalStateException()
                        .isThrownBy(optimizer::accumulate)
                        .withMessage("there is no team: Builder.shards gives one");
            }
        }
    }
}
