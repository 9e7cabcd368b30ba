package org.panoptim.tests;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.panoptim.shard.TeamException;
import org.panoptim.tensor.StateTensor;

import java.util.Arrays;
import java.util.List;

/** What becomes of contributions to layers that members of a team share. */
public final class KfacContributions {

    private KfacContributions() {}

    /** Requires that a step takes up no contribution that came with leaves and was discarded. */
    public static void requireDropped(String backend) throws Exception {
        KfacNet.onAll(
                2,
                member -> {
                    try (var net =
                            new KfacNet(
                                    backend, kfac -> kfac, builder -> builder.shards(member, 16))) {
                        var missing = net.kfac.layersWithoutInverse();
                        for (int leaf = 0; leaf < 8; leaf++) {
                            net.differentiate(0, leaf);
                            net.contribute(0, leaf);
                            net.optimizer.accumulate();
                        }
                        net.kfac.discard();
                        net.optimizer.step();
                        assertThat(missing).isNotEmpty();
                        assertThat(net.kfac.layersWithoutInverse()).isEqualTo(missing);
                        return missing;
                    }
                });
    }

    /**
     * Requires that no layer of any member moves where a product of one of them is not finite: what
     * the inverses make of a gradient that is hardly finite in float.
     */
    public static void requireStandStill(String backend) throws Exception {
        KfacNet.onAll(
                2,
                member -> {
                    try (var net =
                            new KfacNet(backend, kfac -> kfac, builder -> builder.shards(member))) {
                        var before = net.values();
                        net.differentiate(0, member.rank());
                        net.differentiate("w0", 1e38f);
                        net.contribute(0, member.rank());
                        net.optimizer.step();
                        var after = net.values();
                        for (int i = 0; i < before.size(); i++) {
                            boolean ofLayer = !net.parameters().get(i).name().equals("other");
                            assertThat(Arrays.equals(before.get(i), after.get(i)))
                                    .as(net.parameters().get(i).name())
                                    .isEqualTo(ofLayer);
                        }
                        assertThat(net.kfac.klCoefficient()).isEmpty();
                        return net.optimizer.report().step();
                    }
                });
    }

    /**
     * Requires that a member leaves gradients alone once all layers that it owns are frozen.
     *
     * @return what the team has come to
     */
    public static List<String> requireFrozenLeftAlone(String backend, int members)
            throws Exception {
        var found =
                KfacNet.onAll(
                        members,
                        member -> {
                            try (var net =
                                    new KfacNet(
                                            backend,
                                            kfac -> kfac,
                                            builder -> builder.shards(member, KfacNet.LEAVES))) {
                                net.step(member, 0);
                                // The first of several members has this one alone.
                                net.optimizer.freeze("largest");
                                net.step(member, 2);
                                var after = net.gradient("w2");
                                int last = (member.rank() + 1) * KfacNet.LEAVES / members - 1;
                                net.differentiate(2, last);
                                assertThat(after).isEqualTo(net.gradient("w2"));
                                return net.hashes();
                            }
                        });
        assertThat(found).containsOnly(found.getFirst());
        return found.getFirst();
    }

    /** Requires that a team that does not come about leaves factors and inverses to each member. */
    public static void requireKeptWhereMembersDiffer(String backend) throws Exception {
        KfacNet.onAll(
                2,
                member -> {
                    try (var net = new KfacNet(backend, kfac -> kfac, builder -> builder)) {
                        step(net, 0);
                        var states = states(net);
                        assertThatThrownBy(
                                        () ->
                                                net.changeOptimizer(
                                                        builder ->
                                                                builder.clipGlobalNorm(
                                                                                1 + member.rank())
                                                                        .shards(member)))
                                .isInstanceOf(TeamException.class)
                                .hasMessageStartingWith("members differ: largest norm");
                        net.changeOptimizer(builder -> builder);
                        assertThat(states(net)).isEqualTo(states);
                        step(net, 2);
                        assertThat(states(net)).isNotEqualTo(states);
                        return states;
                    }
                });
    }

    private static void step(KfacNet net, int step) {
        net.differentiate(step);
        net.contribute(step, 0);
        net.optimizer.step();
    }

    private static List<String> states(KfacNet net) {
        return net.kfac.states().stream().map(StateTensor::toArray).map(Arrays::toString).toList();
    }

    /**
     * Requires that contributions are refused once all micro-batches of a step have ended, with
     * contributions or without, and that the step goes on.
     */
    public static void requireLateOnesRefused(String backend, int members) throws Exception {
        KfacNet.onAll(
                members,
                member -> {
                    try (var net =
                            new KfacNet(
                                    backend,
                                    kfac -> kfac,
                                    builder -> builder.shards(member, KfacNet.LEAVES))) {
                        var values = net.hashes();
                        var missing = net.kfac.layersWithoutInverse();
                        for (int step = 0; step < 2; step++) {
                            for (int leaf = 0; leaf < KfacNet.LEAVES / members; leaf++) {
                                net.differentiate(step, leaf);
                                if (step == 1) {
                                    net.contribute(1, leaf);
                                }
                                net.optimizer.accumulate();
                            }
                            assertThatIllegalStateException()
                                    .isThrownBy(() -> net.contribute(0, 0))
                                    .withMessage(
                                            step == 0
                                                    ? "layer 'layer0': contributions came after the"
                                                            + " micro-batches of the step had"
                                                            + " ended; they come before accumulate"
                                                            + " or the end of backward takes one up"
                                                    : "layer 'layer0': contributions to the coming"
                                                            + " step came already, with all its"
                                                            + " micro-batches; they come once for"
                                                            + " each step, before accumulate or the"
                                                            + " end of backward takes one up");
                            net.optimizer.step();
                            assertThat(net.kfac.layersWithoutInverse())
                                    .isEqualTo(step == 0 ? missing : List.of());
                        }
                        assertThat(net.hashes()).isNotEqualTo(values);
                        return values;
                    }
                });
    }

    /** Requires that an owner takes up what others contribute who has nothing to show itself. */
    public static void requireTakenUp(String backend) throws Exception {
        KfacNet.onAll(
                2,
                member -> {
                    try (var net =
                            new KfacNet(backend, kfac -> kfac, builder -> builder.shards(member))) {
                        var own = net.kfac.layersWithoutInverse();
                        net.differentiate(0, member.rank());
                        if (member.rank() == 0) {
                            net.contribute(0, 0);
                        }
                        net.optimizer.step();
                        assertThat(own).isNotEmpty();
                        assertThat(net.kfac.layersWithoutInverse()).isEmpty();
                        return own;
                    }
                });
    }
}
