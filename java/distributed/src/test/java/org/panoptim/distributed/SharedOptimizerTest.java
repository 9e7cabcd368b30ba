package org.panoptim.distributed;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.panoptim.Optimizer;
import org.panoptim.UnusableOptimizerException;
import org.panoptim.backend.Backend;
import org.panoptim.memory.HostMemory;
import org.panoptim.memory.Memory;
import org.panoptim.parameter.Parameter;
import org.panoptim.parameter.ParameterGroup;
import org.panoptim.rule.Lookahead;
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
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.UnaryOperator;

/** An optimizer whose step a team shares, as its members see it. */
class SharedOptimizerTest {

    /** A member's copy of a net of two parameters, of which the first has three units of work. */
    private static final class Net implements AutoCloseable {

        final Arena arena = Arena.ofShared();
        final Backend backend = Backend.named("reference");
        final Parameter large = parameter("large", 2 * 65_536 + 5);
        final Parameter small = parameter("small", 3);

        /** In no group by itself, with a gradient of zeros. */
        final Parameter more = parameter("more", 3);

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
                        List.of(Shape.of(2, 1), Shape.of(1, 3)), List.of(Shape.of(0), Shape.of(0)));
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
    void membersThatWereToldOtherThingsHearWhichWhenTheyAreBuilt() throws Exception {
        requireDifference(
                2,
                (member, _, builder) -> builder.shards(member, 16 >> member.rank()),
                "leaves 8 on member 1, 16 on member 0");
        requireDifference(
                2,
                (member, _, builder) -> builder.statistics(member.rank() == 1),
                "period of statistics 1 on member 1, 0 on member 0");
        requireDifference(
                2,
                (member, _, builder) -> member.rank() == 0 ? builder : builder.clipGlobalNorm(3),
                "largest norm 3.0 on member 1, Infinity on member 0");
        requireDifference(
                2,
                (member, _, builder) ->
                        builder.companion(Lookahead.defaults().withK(5 + member.rank())),
                "companion 1: k 6 on member 1, 5 on member 0");
    }

    @Test
    void orWhichGroupOrParameterIsOther() throws Exception {
        requireDifference(
                4,
                (member, net, builder) ->
                        builder.group(
                                "x", List.of(net.more), Rules.adamW(member.rank() == 3 ? .1 : .2)),
                "group 'x': learning rate 0.1 on member 3, 0.2 on member 0");
        requireDifference(
                2,
                (member, net, builder) ->
                        builder.group(
                                "x",
                                List.of(net.more),
                                member.rank() == 0 ? Rules.adamW(.1) : Rules.lion(.1)),
                "group 'x': rule lion on member 1, adamw on member 0");
        requireDifference(
                2,
                (member, net, builder) ->
                        builder.group(member.rank() == 0 ? "x" : "y", List.of(net.more)),
                "name of group 2 'y' on member 1, 'x' on member 0");
        requireDifference(
                2,
                (member, net, builder) ->
                        builder.group(
                                "x", List.of(net.parameter(member.rank() == 0 ? "p" : "q", 2))),
                "group 'x': name of parameter 1 'q' on member 1, 'p' on member 0");
        requireDifference(
                2,
                (member, net, builder) ->
                        builder.group("x", List.of(net.parameter("p", 4 + member.rank()))),
                "parameter 'p': shape [5] on member 1, [4] on member 0");
    }

    /** How a member is built. */
    @FunctionalInterface
    private interface Change {
        Optimizer.Builder<SGD> of(Team member, Net net, Optimizer.Builder<SGD> builder);
    }

    private static void requireDifference(int members, Change change, String difference)
            throws Exception {
        var found =
                Members.results(
                        Members.team(members),
                        member -> {
                            try (var net = new Net()) {
                                return net.optimizer(
                                        member, builder -> change.of(member, net, builder));
                            }
                        });

        assertThat(found)
                .hasSize(members)
                .allSatisfy(
                        thrown ->
                                assertThat((Throwable) thrown)
                                        .isInstanceOf(TeamException.class)
                                        .hasMessage("members differ: " + difference));
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
    void aGroupThatOneMemberFreezesIsFoundOutOnAll() throws Exception {
        var found =
                Members.results(
                        Members.team(2),
                        member -> {
                            try (var net = new Net();
                                    var optimizer = net.optimizer(member, builder -> builder)) {
                                net.differentiate(1);
                                if (member.rank() == 1) {
                                    optimizer.freeze("all");
                                }
                                assertThatIllegalStateException()
                                        .isThrownBy(optimizer::step)
                                        .withMessage(
                                                "members differ: group 'all': frozen true on member"
                                                        + " 1, false on member 0");
                                if (member.rank() == 1) {
                                    optimizer.unfreeze("all");
                                }
                                optimizer.step();
                                return net.value(net.large, 0);
                            }
                        });

        assertThat(found).containsOnly(-1f);
    }

    @Test
    void aGroupThatOneMemberAddsIsFoundOutOnAll() throws Exception {
        var found =
                Members.results(
                        Members.team(2),
                        member -> {
                            try (var net = new Net();
                                    var optimizer =
                                            Optimizer.builder(Rules.sgd(1))
                                                    .group("first", List.of(net.large))
                                                    .shards(member)
                                                    .backend(net.backend)
                                                    .build()) {
                                net.differentiate(1);
                                if (member.rank() == 1) {
                                    optimizer.add(
                                            new ParameterGroup(
                                                    "second", Rules.sgd(1), List.of(net.small)));
                                }
                                assertThatIllegalStateException()
                                        .isThrownBy(optimizer::step)
                                        .withMessage(
                                                "members differ: number of groups 2 on member 1, 1"
                                                        + " on member 0");
                                return net.value(net.large, 0);
                            }
                        });

        assertThat(found).containsOnly(0f);
    }

    @Test
    void membersThatBeginWithOtherParametersAreToldBeforeTheFirstStep() throws Exception {
        var found =
                Members.results(
                        Members.team(2),
                        member -> {
                            try (var net = new Net();
                                    var optimizer = net.optimizer(member, builder -> builder)) {
                                net.differentiate(1);
                                var values = Net.segment(net.small.value());
                                if (member.rank() == 1) {
                                    values.set(ValueLayout.JAVA_FLOAT, 8, 1e-30f);
                                }
                                assertThatIllegalStateException()
                                        .isThrownBy(optimizer::step)
                                        .withMessage(
                                                "parameter 'small' has other values on member 1"
                                                        + " than on member 0: members begin with"
                                                        + " the same");
                                values.fill((byte) 0);
                                optimizer.step();
                                return net.value(net.small, 2);
                            }
                        });

        assertThat(found).containsOnly(-1f);
    }

    @Test
    void aMemberThatCannotGoOnTellsTheOthersWhy() throws Exception {
        var found =
                Members.results(
                        Members.team(4),
                        member -> {
                            try (var net = new Net();
                                    var optimizer = net.optimizer(member, builder -> builder)) {
                                net.differentiate(1);
                                if (member.rank() == 2) {
                                    var closed = Arena.ofShared();
                                    net.small.gradient(
                                            new HostMemory(closed.allocate(3 * Float.BYTES, 64)));
                                    closed.close();
                                    assertThatIllegalStateException()
                                            .isThrownBy(optimizer::step)
                                            .withMessageContaining("small");
                                } else {
                                    assertThatThrownBy(optimizer::step)
                                            .isInstanceOf(TeamException.class)
                                            .hasMessageStartingWith("member 2 gave up: ")
                                            .hasMessageContaining("small");
                                }
                                assertThatThrownBy(optimizer::step).hasMessageContaining("small");
                                return net.value(net.large, 0);
                            }
                        });

        assertThat(found).containsOnly(0f);
    }

    @Test
    void theReportSaysWhatAStepCostEachMember() throws Exception {
        var found =
                Members.results(
                        Members.team(2),
                        member -> {
                            try (var net = new Net();
                                    var optimizer = net.optimizer(member, builder -> builder)) {
                                assertThat(optimizer.report().team()).isEmpty();
                                net.differentiate(1);
                                optimizer.step();
                                var traffic = optimizer.report().team().orElseThrow();
                                assertThat(traffic.exchange()).isPositive();
                                assertThat(traffic.sum()).isPositive();
                                assertThat(traffic.update()).isPositive();
                                assertThat(traffic.gather()).isPositive();
                                // Of 131,080 elements the first member has 65,536.
                                long elements = 131_080;
                                assertThat(traffic.sentBytes())
                                        .isBetween(elements * 4, elements * 4 + 200);
                                return traffic.sentBytes() - traffic.receivedBytes();
                            }
                        });

        assertThat(found).containsExactly(0L, 0L);
    }

    /** A member that gives up at a call. */
    private static Team failingAt(Team member, int call) {
        var left = new AtomicInteger(call);
        return Members.observed(
                member,
                _ -> {
                    if (left.decrementAndGet() == 0) {
                        member.abort("out of paper");
                    }
                });
    }

    @Test
    void whatFailsAfterAllAgreedLeavesAnOptimizerThatCanOnlyBeClosed() throws Exception {
        int calls = callsOfAStep();
        var found =
                Members.results(
                        Members.team(2),
                        member -> {
                            // The one at which the first step gives the parameters back.
                            var team = member.rank() == 1 ? failingAt(member, calls) : member;
                            try (var net = new Net()) {
                                var optimizer = net.optimizer(team, builder -> builder);
                                net.differentiate(1);
                                var message =
                                        "the optimizer is unusable, since step 1 failed half way on"
                                                + " member %d, in phase gather: member 1 gave up:"
                                                + " out of paper. Close it, and load a checkpoint"
                                                + " into a new one";
                                for (int i = 0; i < 2; i++) {
                                    assertThatThrownBy(optimizer::step)
                                            .isInstanceOf(UnusableOptimizerException.class)
                                            .hasMessage(message.formatted(member.rank()));
                                }
                                assertThatThrownBy(optimizer::report)
                                        .isInstanceOf(UnusableOptimizerException.class);
                                optimizer.close();
                                return 0;
                            }
                        });

        assertThat(found).containsOnly(0);
    }

    /** How often members hand something over from the start to the end of the first step. */
    private static int callsOfAStep() throws Exception {
        var counted = new AtomicInteger();
        Members.results(
                Members.team(2),
                member -> {
                    var team =
                            member.rank() == 1
                                    ? Members.observed(member, _ -> counted.incrementAndGet())
                                    : member;
                    try (var net = new Net();
                            var optimizer = net.optimizer(team, builder -> builder)) {
                        net.differentiate(1);
                        optimizer.step();
                        return 0;
                    }
                });
        return counted.get();
    }

    @Test
    void membersThatDoDifferentThingsAreToldAndMayGoOn(@TempDir Path folder) throws Exception {
        var found =
                Members.results(
                        Members.team(4),
                        member -> {
                            try (var net = new Net();
                                    var optimizer = net.optimizer(member, builder -> builder)) {
                                net.differentiate(1);
                                var message =
                                        "members make different calls: member 0 saves a checkpoint,"
                                                + " member 1 takes a step";
                                assertThatThrownBy(
                                                () -> {
                                                    switch (member.rank()) {
                                                        case 0 -> optimizer.save(folder);
                                                        case 1 -> optimizer.step();
                                                        default -> optimizer.load(folder);
                                                    }
                                                })
                                        .hasMessage(message);
                                optimizer.step();
                                return net.value(net.small, 2);
                            }
                        });

        assertThat(found).hasSize(4).containsOnly(-1f);
        assertThat(folder).isEmptyDirectory();
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
                                        .withMessage(
                                                "this member has 2 of 4 leaves, and all have come:"
                                                        + " take the step; Optimizer.discard drops"
                                                        + " this member's leaves to begin anew");
                                optimizer.step();
                                return net.value(net.large, 0);
                            }
                        });

        assertThat(found).containsOnly(-2f);
    }

    @Test
    void leavesThatOneMemberDropsAreTakenUpAnew() throws Exception {
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
                                if (member.rank() == 1) {
                                    net.small.clearGradient();
                                    assertThatIllegalStateException()
                                            .isThrownBy(optimizer::accumulate)
                                            .withMessageEndingWith(
                                                    "; Optimizer.discard drops this member's leaves"
                                                            + " to begin anew");
                                    optimizer.discard();
                                    net.small.gradient(
                                            new HostMemory(net.arena.allocate(3 * Float.BYTES)));
                                    net.differentiate(5);
                                    optimizer.accumulate();
                                }
                                net.differentiate(1);
                                optimizer.accumulate();
                                optimizer.step();
                                return net.value(net.large, 0);
                            }
                        });

        assertThat(found).containsOnly(-2f);
    }

    @Test
    void leavesFromBeforeAGroupWasFrozenOrUnfrozenAreRefusedAndTakenUpAnew() throws Exception {
        var found =
                Members.results(
                        Members.team(2),
                        member -> {
                            try (var net = new Net();
                                    var optimizer =
                                            net.optimizer(
                                                    member,
                                                    builder ->
                                                            builder.shards(member, 4)
                                                                    .group(
                                                                            "more",
                                                                            List.of(net.more)))) {
                                optimizer.freeze("more");
                                refuses(net, optimizer, () -> optimizer.unfreeze("more"));
                                refuses(net, optimizer, () -> optimizer.freeze("more"));
                                takeUp(net, optimizer);
                                optimizer.step();
                                return net.value(net.large, 0);
                            }
                        });

        assertThat(found).containsOnly(-1f);
    }

    private static void takeUp(Net net, Optimizer optimizer) {
        for (int leaf = 0; leaf < 2; leaf++) {
            net.differentiate(1);
            optimizer.accumulate();
        }
    }

    /** Leaves from before a change are not stepped with, and dropped. */
    private static void refuses(Net net, Optimizer optimizer, Runnable change) {
        takeUp(net, optimizer);
        change.run();
        assertThatIllegalStateException()
                .isThrownBy(optimizer::step)
                .withMessageStartingWith(
                        "member 0 took up its 2 leaves with gradients of other parameters than the"
                                + " step has, ")
                .withMessageContaining("Optimizer.discard");
        assertThat(net.value(net.large, 0)).isZero();
        optimizer.discard();
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
                    .withMessageStartingWith("this transform of gradients cannot go with a team");
            try (var optimizer = Optimizer.of(Rules.sgd(1), net.all())) {
                assertThatIllegalStateException()
                        .isThrownBy(optimizer::accumulate)
                        .withMessage("there is no team: Builder.shards gives one");
                assertThatIllegalStateException()
                        .isThrownBy(optimizer::discard)
                        .withMessage("there is no team: Builder.shards gives one");
            }
        }
    }
}
