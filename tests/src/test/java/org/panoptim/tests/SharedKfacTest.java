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
import org.panoptim.step.NonFinitePolicy;
import org.panoptim.tensor.Shape;
import org.panoptim.tensor.StateTensor;

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
import java.util.stream.IntStream;

/** K-FAC in steps that members of a team share: each has the factors of its own layers alone. */
class SharedKfacTest {

    private static final int LEAVES = 8;
    private static final int ROWS = 6;

    /** Outputs and inputs. */
    private static final int[][] LAYERS = {{7, 12}, {5, 7}, {9, 20}, {5, 5}, {3, 4}};

    /** A member's net: layers with biases but for one, and a parameter of no layer. */
    private static final class Net implements AutoCloseable {

        final Arena arena = Arena.ofShared();
        final Backend backend;
        final List<Parameter> weights = new ArrayList<>();
        final List<Parameter> biases = new ArrayList<>();
        final Parameter other = parameter("other", 70_000);
        final Kfac kfac;
        final Optimizer optimizer;

        /**
         * @param change what else the optimizer has; a team perhaps
         */
        Net(
                String backend,
                UnaryOperator<Kfac.Builder> kfacChange,
                UnaryOperator<Optimizer.Builder<?>> change) {
            this.backend = Backend.named(backend);
            var builder = Kfac.builder(this.backend).inversePeriod(2);
            for (int i = 0; i < LAYERS.length; i++) {
                weights.add(parameter("w" + i, LAYERS[i][0], LAYERS[i][1]));
                if (i == 2) {
                    builder.layer("layer" + i, weights.get(i));
                } else {
                    biases.add(parameter("b" + i, LAYERS[i][0]));
                    builder.layer("layer" + i, weights.get(i), biases.getLast());
                }
            }
            kfac = kfacChange.apply(builder).build();
            optimizer =
                    change.apply(
                                    Optimizer.builder(Rules.sgd(0.1).withMomentum(0.5))
                                            .group("biases", biases)
                                            .group("others", List.of(other))
                                            .group("weights", weights)
                                            .clipGlobalNorm(10)
                                            .nonFinite(NonFinitePolicy.SKIP)
                                            .transform(kfac)
                                            .backend(this.backend))
                            .build();
        }

        private Parameter parameter(String name, long... dimensions) {
            var shape = Shape.of(dimensions);
            var parameter = Parameter.of(name, shape, new HostMemory(floats(shape.elements(), 7)));
            return parameter.gradient(new HostMemory(floats(shape.elements(), 0)));
        }

        MemorySegment floats(long count, long seed) {
            var random = new Random(seed);
            var values = arena.allocate(count * Float.BYTES, 64);
            for (long i = 0; i < count; i++) {
                values.setAtIndex(
                        ValueLayout.JAVA_FLOAT, i, seed == 0 ? 0 : (float) random.nextGaussian());
            }
            return values;
        }

        List<Parameter> all() {
            return optimizer.groups().stream()
                    .flatMap(group -> group.parameters().stream())
                    .toList();
        }

        /** Adds the gradients of a leaf to those that are there, of which all make a mean. */
        void differentiate(int step, int leaf, float weight) {
            var random = new Random(1000L * step + leaf);
            for (var parameter : all()) {
                var gradient = segment(parameter);
                for (long i = 0; i < parameter.elements(); i++) {
                    float before = gradient.getAtIndex(ValueLayout.JAVA_FLOAT, i);
                    float value = before + weight * (float) random.nextGaussian();
                    gradient.setAtIndex(ValueLayout.JAVA_FLOAT, i, value);
                }
            }
        }

        static MemorySegment segment(Parameter parameter) {
            return ((HostMemory) parameter.gradient().orElseThrow()).segment();
        }

        /** What layers see in a leaf: some nothing, one nothing but padding, and one twice. */
        void contribute(int step, int leaf) {
            for (int layer = 0; layer < LAYERS.length; layer++) {
                if (layer == 1 && leaf == 3) {
                    continue;
                }
                for (int times = 0; times < (layer == 3 && leaf == 2 ? 2 : 1); times++) {
                    long seed = 1 + 1000L * step + 10L * leaf + layer + 5000 * times;
                    var mask = arena.allocate(ROWS);
                    mask.fill((byte) 1);
                    if (layer == 2 && leaf == 5) {
                        mask.fill((byte) 0);
                    }
                    kfac.accumulate(
                            "layer" + layer,
                            floats((long) ROWS * LAYERS[layer][1], seed),
                            floats((long) ROWS * LAYERS[layer][0], -seed),
                            Batch.sum().withMask(new HostMemory(mask)));
                }
            }
        }

        @Override
        public void close() {
            optimizer.close();
            kfac.close();
            backend.close();
            arena.close();
        }
    }

    /** What all members have, and what each has of factors and inverses. */
    private record Result(List<String> common, List<float[]> states) {}

    private static Result steps(String backend, Team member, UnaryOperator<Kfac.Builder> change) {
        var common = new ArrayList<String>();
        int own = LEAVES / member.size();
        try (var net = new Net(backend, change, builder -> builder.shards(member, LEAVES))) {
            for (int step = 0; step < 5; step++) {
                for (int leaf = member.rank() * own; leaf < (member.rank() + 1) * own; leaf++) {
                    net.all().forEach(each -> Net.segment(each).fill((byte) 0));
                    net.differentiate(step, leaf, 1);
                    net.contribute(step, leaf);
                    if (step == 1 && leaf == 6) {
                        // Refuses the step.
                        Net.segment(net.other).set(ValueLayout.JAVA_FLOAT, 0, Float.NaN);
                    }
                    if (step == 3 && leaf == 4) {
                        // Refuses the layer's contributions, and no others.
                        var infinite = net.floats(LAYERS[0][1], 1);
                        infinite.set(ValueLayout.JAVA_FLOAT, 0, Float.POSITIVE_INFINITY);
                        net.kfac.accumulate(
                                "layer0", infinite, net.floats(LAYERS[0][0], 2), Batch.sum());
                    }
                    if (own > 1) {
                        net.optimizer.accumulate();
                    }
                }
                net.optimizer.step();
                common.add(net.optimizer.report().gradientNorm().toString());
                common.add(net.optimizer.report().skipped() + "");
                common.add(net.kfac.klCoefficient().toString());
                net.all().forEach(each -> common.add(hash(values(each))));
            }
            return new Result(
                    common, net.kfac.states().stream().map(StateTensor::toArray).toList());
        }
    }

    private static float[] values(Parameter parameter) {
        return ((HostMemory) parameter.value()).segment().toArray(ValueLayout.JAVA_FLOAT);
    }

    private static String hash(float[] values) {
        return Integer.toHexString(Arrays.hashCode(values));
    }

    /** What a member does. */
    @FunctionalInterface
    private interface Work<T> {
        T of(Team member) throws Exception;
    }

    private static <T> List<T> onAll(int members, Work<T> work) throws Exception {
        var results = new ArrayList<T>();
        try (var threads = Executors.newFixedThreadPool(members)) {
            var tasks =
                    LocalTeam.of(members, Duration.ofSeconds(60)).stream()
                            .<Callable<T>>map(member -> () -> work.of(member))
                            .toList();
            for (var task : threads.invokeAll(tasks)) {
                results.add(task.get());
            }
        }
        return results;
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
        var alone = together(onAll(1, member -> steps(backend, member, change)));

        assertThat(alone.stream().distinct().count()).isGreaterThan(50);
        for (int members : List.of(1, 2, 4, 8)) {
            assertThat(together(onAll(members, member -> steps(backend, member, change))))
                    .as("%d members", members)
                    .isEqualTo(alone);
        }
    }

    @Test
    void norWhereNothingPreconditionsAtFirst() throws Exception {
        UnaryOperator<Kfac.Builder> change =
                builder -> builder.withoutInverse(WithoutInverse.IDENTITY).klClip(1e-9);
        var alone = together(onAll(1, member -> steps("reference", member, change)));

        assertThat(together(onAll(4, member -> steps("reference", member, change))))
                .isEqualTo(alone);
    }

    @Test
    void aTeamComesNearOneProcess() throws Exception {
        List<float[]> expected;
        try (var net = new Net("reference", builder -> builder, builder -> builder)) {
            for (int step = 0; step < 3; step++) {
                for (int leaf = 0; leaf < LEAVES; leaf++) {
                    net.differentiate(step, leaf, 1f / LEAVES);
                    net.contribute(step, leaf);
                }
                net.optimizer.step();
                net.optimizer.zeroGrad();
            }
            expected = net.all().stream().map(SharedKfacTest::values).toList();
        }
        var found =
                onAll(
                        2,
                        member -> {
                            try (var net =
                                    new Net(
                                            "reference",
                                            builder -> builder,
                                            builder -> builder.shards(member, LEAVES))) {
                                for (int step = 0; step < 3; step++) {
                                    for (int leaf = 0; leaf < LEAVES / 2; leaf++) {
                                        int number = member.rank() * LEAVES / 2 + leaf;
                                        net.differentiate(step, number, 1);
                                        net.contribute(step, number);
                                        net.optimizer.accumulate();
                                    }
                                    net.optimizer.step();
                                    net.optimizer.zeroGrad();
                                }
                                return net.all().stream().map(SharedKfacTest::values).toList();
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
                onAll(
                        2,
                        member -> {
                            try (var net =
                                    new Net(
                                            "reference",
                                            builder -> builder,
                                            builder -> builder.shards(member))) {
                                var missing = net.kfac.layersWithoutInverse();
                                net.differentiate(0, member.rank(), 1);
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
                onAll(
                        2,
                        member -> {
                            try (var net =
                                    new Net(
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
                onAll(
                        2,
                        member -> {
                            try (var net =
                                    new Net(
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
