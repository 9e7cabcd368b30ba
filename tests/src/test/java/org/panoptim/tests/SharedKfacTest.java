package org.panoptim.tests;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
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
import org.panoptim.shard.Team;
import org.panoptim.shard.TeamException;
import org.panoptim.tensor.Shape;
import org.panoptim.tensor.StateTensor;

import java.lang.foreign.Arena;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.UnaryOperator;
import java.util.stream.IntStream;

/** K-FAC in steps that members of a team share: each has the factors of its own layers alone. */
class SharedKfacTest {

    private static final int LEAVES = KfacNet.LEAVES;

    /** What all members have, and what each has of factors and inverses. */
    private record Result(List<String> common, List<float[]> states) {}

    private static Result steps(String backend, Team member, UnaryOperator<Kfac.Builder> change) {
        var common = new ArrayList<String>();
        try (var net = new KfacNet(backend, change, builder -> builder.shards(member, LEAVES))) {
            for (int step = 0; step < 5; step++) {
                net.step(member, step);
                common.add(net.optimizer.report().gradientNorm().toString());
                common.add(net.optimizer.report().skipped() + "");
                common.add(net.kfac.klCoefficient().toString());
                net.values().forEach(each -> common.add(hash(each)));
            }
            return new Result(
                    common, net.kfac.states().stream().map(StateTensor::toArray).toList());
        }
    }

    private static String hash(float[] values) {
        return Integer.toHexString(Arrays.hashCode(values));
    }

    /** What a team has together; every factor is one member's. */
    private static List<String> together(List<Result> results) {
        assertThat(results).extracting(Result::common).containsOnly(results.getFirst().common);
        var all = new ArrayList<>(results.getFirst().common);
        for (int i = 0; i < results.getFirst().states.size(); i++) {
            int state = i;
            var owners =
                    results.stream()
                            .map(result -> result.states.get(state))
                            .filter(values -> values.length > 0)
                            .toList();
            assertThat(owners).hasSize(1);
            all.add(hash(owners.getFirst()));
        }
        return all;
    }

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
        var alone = together(KfacNet.onAll(1, member -> steps(backend, member, change)));

        assertThat(alone.stream().distinct().count()).isGreaterThan(50);
        for (int members : List.of(1, 2, 4, 8)) {
            assertThat(together(KfacNet.onAll(members, member -> steps(backend, member, change))))
                    .as("%d members", members)
                    .isEqualTo(alone);
        }
    }

    @Test
    void norWhereNothingPreconditionsAtFirst() throws Exception {
        UnaryOperator<Kfac.Builder> change =
                builder -> builder.withoutInverse(WithoutInverse.IDENTITY).klClip(1e-9);
        var alone = together(KfacNet.onAll(1, member -> steps("reference", member, change)));

        assertThat(together(KfacNet.onAll(4, member -> steps("reference", member, change))))
                .isEqualTo(alone);
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
                        List.of("layer2"), List.of("layer0", "layer1", "layer3", "layer4"));
    }

    @Test
    void whatCameWithAPassWaitsForTheStepAndComesOnce() throws Exception {
        var found =
                KfacNet.onAll(
                        2,
                        member -> {
                            try (var net =
                                    new KfacNet(
                                            "reference",
                                            builder -> builder,
                                            builder ->
                                                    builder.companion(SAM.defaults())
                                                            .shards(member, 4))) {
                                for (int leaf = 0; leaf < 2; leaf++) {
                                    net.contribute(0, leaf);
                                    net.optimizer.accumulate();
                                }
                                net.optimizer.run(SAM.PERTURB);
                                assertThatIllegalStateException()
                                        .isThrownBy(() -> net.contribute(0, 0))
                                        .withMessageStartingWith(
                                                "layer 'layer0': contributions came already with"
                                                        + " gradients that a pass has used up");
                                net.optimizer.accumulate();
                                net.optimizer.accumulate();
                                net.optimizer.run(SAM.RESTORE);
                                net.optimizer.step();
                                return net.kfac.layersWithoutInverse();
                            }
                        });

        assertThat(found).containsOnly(List.of());
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
                .containsOnly(
                        "member 1 has other settings of a transform of gradients than member 0");
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
