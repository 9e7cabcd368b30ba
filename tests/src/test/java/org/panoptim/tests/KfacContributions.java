package org.panoptim.tests;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Arrays;

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
