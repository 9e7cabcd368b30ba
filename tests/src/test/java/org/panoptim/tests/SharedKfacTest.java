package org.panoptim.tests;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.panoptim.Optimizer;
import org.panoptim.backend.Backend;
import org.panoptim.distributed.LocalTeam;
import org.panoptim.kfac.Batch;
import org.panoptim.kfac.Kfac;
import org.panoptim.kfac.WithoutInverse;
import org.panoptim.memory.HostMemory;
import org.panoptim.parameter.Parameter;
import org.panoptim.rule.Rules;
import org.panoptim.rule.SAM;
import org.panoptim.shard.TeamException;
import org.panoptim.tensor.Shape;
import org.panoptim.tests.KfacFailures.Outcome;

import java.lang.foreign.Arena;
import java.time.Duration;
import java.util.List;
import java.util.function.UnaryOperator;
import java.util.stream.IntStream;

/** K-FAC in steps that members of a team share: each has the factors of its own layers alone. */
class SharedKfacTest {

    private static final int LEAVES = KfacNet.LEAVES;

    @ParameterizedTest
    @CsvSource({
        "reference, 1, 0",
        "simd, 1, 0",
        "reference, 2, 0",
        "simd, 1, 1e-3",
    })
    void theNumberOfMembersChangesNoBit(String backend, int factorPeriod, double newtonError)
            throws Exception {
        UnaryOperator<Kfac.Builder> change =
                builder -> builder.factorPeriod(factorPeriod).warmNewton(newtonError);
        var alone = KfacNet.train(backend, 1, change);

        assertThat(alone.stream().distinct().count()).isGreaterThan(50);
        for (int members : List.of(1, 2, 4, 8)) {
            assertThat(KfacNet.train(backend, members, change))
                    .as("%d members", members)
                    .isEqualTo(alone);
        }
    }

    @Test
    void norWhereNothingPreconditionsAtFirst() throws Exception {
        UnaryOperator<Kfac.Builder> change =
                builder -> builder.withoutInverse(WithoutInverse.IDENTITY).klClip(1e-9);

        assertThat(KfacNet.train("reference", 4, change))
                .isEqualTo(KfacNet.train("reference", 1, change));
    }

    @Test
    void aTeamComesNearOneProcess() throws Exception {
        List<float[]> expected;
        try (var net = new KfacNet("reference", builder -> builder, builder -> builder)) {
            for (int step = 0; step < 3; step++) {
                for (int leaf = 0; leaf < LEAVES; leaf++) {
                    net.contribute(step, leaf);
                }
                net.differentiate(step);
                net.optimizer.step();
            }
            expected = net.values();
        }
        var found =
                KfacNet.onAll(
                        2,
                        member -> {
                            try (var net =
                                    new KfacNet(
                                            "reference",
                                            builder -> builder,
                                            builder -> builder.shards(member, LEAVES))) {
                                for (int step = 0; step < 3; step++) {
                                    for (int leaf = 0; leaf < LEAVES / 2; leaf++) {
                                        int number = member.rank() * LEAVES / 2 + leaf;
                                        net.differentiate(step, number);
                                        net.contribute(step, number);
                                        net.optimizer.accumulate();
                                    }
                                    net.optimizer.step();
                                }
                                return net.values();
                            }
                        });

        for (int i = 0; i < expected.size(); i++) {
            assertThat(distance(found.getFirst().get(i), expected.get(i))).isLessThan(2e-5);
        }
    }

    private static double distance(float[] one, float[] other) {
        return IntStream.range(0, one.length)
                .mapToDouble(i -> Math.abs(one[i] - other[i]))
                .max()
                .orElse(0);
    }

    @Test
    void everyMemberKnowsOfItsOwnLayers() throws Exception {
        var found =
                KfacNet.onAll(
                        2,
                        member -> {
                            try (var net =
                                    new KfacNet(
                                            "reference",
                                            builder -> builder,
                                            builder -> builder.shards(member))) {
                                var missing = net.kfac.layersWithoutInverse();
                                net.differentiate(0, member.rank());
                                net.contribute(0, member.rank());
                                net.optimizer.step();
                                assertThat(net.kfac.layersWithoutInverse()).isEmpty();
                                assertThat(net.kfac.report().orElseThrow().factors())
                                        .extracting(each -> each.layer())
                                        .hasSameElementsAs(missing);
                                return missing;
                            }
                        });

        // The largest layer's inverses cost more than those of all others.
        assertThat(found)
                .containsExactly(
                        List.of("layer2"),
                        List.of("layer0", "layer1", "layer3", "layer4", "layer5", "layer6"));
    }

    @ParameterizedTest
    @ValueSource(ints = {2, 4})
    void whatCameWithAPassWaitsForTheStepAndComesOnce(int members) throws Exception {
        var found =
                KfacNet.onAll(
                        members,
                        member -> {
                            try (var net =
                                    new KfacNet(
                                            "reference",
                                            builder -> builder,
                                            builder ->
                                                    builder.companion(SAM.defaults())
                                                            .shards(member, 4))) {
                                batch(net, members, true);
                                net.optimizer.run(SAM.PERTURB);
                                assertThatIllegalStateException()
                                        .isThrownBy(() -> net.contribute(0, 0))
                                        .withMessageStartingWith(
                                                "layer 'layer0': contributions to the coming step"
                                                    + " came already, with all its micro-batches");
                                batch(net, members, false);
                                net.optimizer.run(SAM.RESTORE);
                                net.optimizer.step();
                                return net.kfac.layersWithoutInverse();
                            }
                        });

        assertThat(found).containsOnly(List.of());
    }

    @ParameterizedTest
    @ValueSource(ints = {2, 4})
    void orItComesAfterThePass(int members) throws Exception {
        var found =
                KfacNet.onAll(
                        members,
                        member -> {
                            try (var net =
                                    new KfacNet(
                                            "reference",
                                            builder -> builder,
                                            builder ->
                                                    builder.companion(SAM.defaults())
                                                            .shards(member, 4))) {
                                batch(net, members, false);
                                net.optimizer.run(SAM.PERTURB);
                                batch(net, members, true);
                                net.optimizer.run(SAM.RESTORE);
                                net.optimizer.step();
                                return net.kfac.layersWithoutInverse();
                            }
                        });

        assertThat(found).containsOnly(List.of());
    }

    /** A member's part of four micro-batches; a single one is left to the step or pass. */
    private static void batch(KfacNet net, int members, boolean contributes) {
        for (int leaf = 0; leaf < 4 / members; leaf++) {
            if (contributes) {
                net.contribute(0, leaf);
            }
            if (members < 4) {
                net.optimizer.accumulate();
            }
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 8})
    void whatComesAfterTheLastLeafIsRefused(int members) throws Exception {
        KfacContributions.requireLateOnesRefused("reference", members);
    }

    @Test
    void membersThatDifferKeepTheirFactors() throws Exception {
        KfacContributions.requireKeptWhereMembersDiffer("reference");
    }

    @Test
    void aMemberWhoseLayersAreAllFrozenLeavesTheirGradientsAlone() throws Exception {
        var alone = KfacContributions.requireFrozenLeftAlone("reference", 1);

        assertThat(KfacContributions.requireFrozenLeftAlone("reference", 2)).isEqualTo(alone);
    }

    @ParameterizedTest
    @CsvSource({"reference, 1", "reference, 2", "simd, 2"})
    void aMemberThatGivesUpLeavesAllAsTheyWereOrTheOptimizerUnusable(String backend, int taken)
            throws Exception {
        var outcomes = KfacFailures.outcomes(backend, taken);

        assertThat(outcomes).isSorted().contains(Outcome.UNCHANGED, Outcome.UNUSABLE);
    }

    @Test
    void whatIsDiscardedNoStepTakesUp() throws Exception {
        KfacContributions.requireDropped("reference");
    }

    @Test
    void whereAProductOfOneMemberIsNotFiniteNoLayerMoves() throws Exception {
        KfacContributions.requireStandStill("reference");
    }

    @Test
    void whatOthersContributeAloneTheOwnerTakesUp() throws Exception {
        KfacContributions.requireTakenUp("reference");
    }

    @Test
    void leavesThatOneMemberDropsLeaveNoTrace() throws Exception {
        var found =
                KfacNet.train(
                        "reference",
                        2,
                        builder -> builder,
                        (member, net) -> {
                            if (member.rank() == 1) {
                                net.differentiate(90, 1);
                                net.contribute(90, 1);
                                net.optimizer.accumulate();
                                net.contribute(91, 1);
                                net.optimizer.discard();
                            }
                        });

        assertThat(found).isEqualTo(KfacNet.train("reference", 2, builder -> builder));
    }

    @Test
    void nothingIsDiscardedBetweenTwoLeaves() throws Exception {
        var found =
                KfacNet.onAll(
                        2,
                        member -> {
                            try (var net =
                                    new KfacNet(
                                            "reference",
                                            builder -> builder,
                                            builder -> builder.shards(member, 4))) {
                                for (int leaf = 0; leaf < 2; leaf++) {
                                    net.differentiate(0, leaf);
                                    net.contribute(0, leaf);
                                    net.optimizer.accumulate();
                                    if (leaf == 0) {
                                        net.kfac.discard();
                                    }
                                }
                                assertThatIllegalStateException()
                                        .isThrownBy(net.optimizer::step)
                                        .withMessageStartingWith(
                                                "contributions were discarded between two leaves");
                                return net.optimizer.report().step();
                            }
                        });

        assertThat(found).containsOnly(0L);
    }

    @Test
    void membersAgreeOnTheSettingsFirst() throws Exception {
        var found =
                KfacNet.onAll(
                        2,
                        member -> {
                            try (var net =
                                    new KfacNet(
                                            "reference",
                                            builder -> builder.factorPeriod(1 + member.rank()),
                                            builder -> builder.shards(member))) {
                                return "agreed on " + net;
                            } catch (TeamException e) {
                                return e.getMessage();
                            }
                        });

        assertThat(found)
                .containsOnly("members differ: K-FAC's factor period 2 on member 1, 1 on member 0");
    }

    @Test
    void whatATeamHasSharedOutIsOfNoUseToOthers() throws Exception {
        try (var arena = Arena.ofShared();
                var backend = Backend.named("reference")) {
            var weight = Parameter.of("w", Shape.of(2, 2), new HostMemory(arena.allocate(16, 64)));
            try (var kfac = Kfac.builder(backend).layer("layer", weight).build()) {
                var rows = arena.allocate(8, 64);
                kfac.accumulate("layer", rows, rows, Batch.sum().withLossScale(1));
                var alone =
                        Optimizer.builder(Rules.sgd(1))
                                .group("all", List.of(weight))
                                .transform(kfac)
                                .backend(backend);
                var shared =
                        Optimizer.builder(Rules.sgd(1))
                                .group("all", List.of(weight))
                                .transform(kfac)
                                .shards(LocalTeam.of(1, Duration.ofSeconds(1)).getFirst())
                                .backend(backend);
                assertThatIllegalStateException()
                        .isThrownBy(shared::build)
                        .withMessage("contributions came before the team's optimizer was built");
                kfac.discard();
                shared.build().close();
                shared.build().close();
                assertThatIllegalStateException()
                        .isThrownBy(alone::build)
                        .withMessage(
                                "a team has shared these factors out, and others have a part of"
                                        + " them");
            }
        }
    }
}
