package org.panoptim.tests;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;
import static org.assertj.core.api.Assertions.catchRuntimeException;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.panoptim.Checkpoints;
import org.panoptim.Optimizer;
import org.panoptim.backend.Backend;
import org.panoptim.distributed.LocalTeam;
import org.panoptim.kfac.AdaFisherCurvature;
import org.panoptim.kfac.Batch;
import org.panoptim.kfac.engine.FisherAverage;
import org.panoptim.memory.HostMemory;
import org.panoptim.parameter.Parameter;
import org.panoptim.rule.Rules;
import org.panoptim.rule.SAM;
import org.panoptim.shard.Team;
import org.panoptim.shard.TeamException;
import org.panoptim.step.LossScale;
import org.panoptim.step.NonFinitePolicy;
import org.panoptim.tensor.Shape;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.concurrent.Executors;
import java.util.function.UnaryOperator;

/**
 * AdaFisher in steps that members of a team share: all have the same diagonals, of what the layers
 * of all have seen, and each the Fisher information of its own part of the parameters.
 */
class SharedAdaFisherTest {

    private static final int LEAVES = 8;
    private static final int ROWS = 5;
    private static final int STEPS = 6;

    /** What gradients come multiplied by. */
    private static final float SCALE = 8;

    /** Outputs and inputs; the weight of the second is cut, since it has more than two units. */
    private static final int[][] LAYERS = {{7, 12}, {331, 450}, {9, 20}, {2, 5}};

    @TempDir private Path folder;

    /** How the curvature is built, and how the optimizer. */
    private record Change(
            UnaryOperator<AdaFisherCurvature.Builder> curvature,
            UnaryOperator<Optimizer.Builder<?>> optimizer) {

        static final Change NONE = new Change(builder -> builder, builder -> builder);

        Change withCurvature(UnaryOperator<AdaFisherCurvature.Builder> value) {
            return new Change(value, optimizer);
        }

        Change withOptimizer(UnaryOperator<Optimizer.Builder<?>> value) {
            return new Change(curvature, value);
        }
    }

    /** The layers, all but the last with a bias, and a parameter of none. */
    private static final class Net implements AutoCloseable {

        final Arena arena = Arena.ofShared();
        final Backend backend;
        Optional<Team> member;
        final List<Parameter> ofLayers = new ArrayList<>();
        final Parameter other = parameter("other", 70_000);
        final AdaFisherCurvature curvature;
        Optimizer optimizer;

        Net(String backend, Optional<Team> member, Change change) {
            this.backend = Backend.named(backend);
            this.member = member;
            var builder = AdaFisherCurvature.builder(this.backend).period(2);
            for (int i = 0; i < LAYERS.length; i++) {
                ofLayers.add(parameter("w" + i, LAYERS[i][0], LAYERS[i][1]));
                var weight = ofLayers.getLast();
                if (i == LAYERS.length - 1) {
                    builder.layer("layer" + i, weight);
                } else {
                    ofLayers.add(parameter("b" + i, LAYERS[i][0]));
                    builder.layer("layer" + i, weight, ofLayers.getLast());
                }
            }
            curvature = change.curvature.apply(builder).build();
            try {
                optimizer = open(change.optimizer);
            } catch (RuntimeException e) {
                closeOthers();
                throw e;
            }
        }

        private Optimizer open(UnaryOperator<Optimizer.Builder<?>> change) {
            var builder =
                    Optimizer.builder(Rules.sgd(.1).withMomentum(.5))
                            .group("other", List.of(other))
                            .group("last", ofLayers.subList(6, 7), Rules.adaFisher(1e-2))
                            .group("layers", ofLayers.subList(0, 6), Rules.adaFisher(1e-2))
                            .clipGlobalNorm(10)
                            .lossScale(LossScale.fixed(SCALE))
                            .nonFinite(NonFinitePolicy.SKIP)
                            .transform(curvature)
                            .backend(backend);
            member.ifPresent(each -> builder.shards(each, LEAVES));
            return change.apply(builder).build();
        }

        /** Lets another optimizer have the curvature. */
        void changeOptimizer(Optional<Team> newMember) {
            optimizer.close();
            member = newMember;
            optimizer = open(builder -> builder);
        }

        private Parameter parameter(String name, long... dimensions) {
            var shape = Shape.of(dimensions);
            var parameter = Parameter.of(name, shape, new HostMemory(numbers(shape.elements(), 7)));
            return parameter.gradient(new HostMemory(numbers(shape.elements(), 1)));
        }

        /** Of either sign, between -1 and 1. */
        private static float[] floats(long count, int seed) {
            var floats = new float[Math.toIntExact(count)];
            int bits = seed;
            for (int i = 0; i < floats.length; i++) {
                bits = 1_664_525 * bits + 1_013_904_223;
                floats[i] = bits * 0x1p-31f;
            }
            return floats;
        }

        MemorySegment numbers(long count, int seed) {
            return arena.allocate(count * Float.BYTES, 64)
                    .copyFrom(MemorySegment.ofArray(floats(count, seed)));
        }

        List<Parameter> all() {
            return optimizer.groups().stream()
                    .flatMap(group -> group.parameters().stream())
                    .toList();
        }

        static MemorySegment gradient(Parameter parameter) {
            return ((HostMemory) parameter.gradient().orElseThrow()).segment();
        }

        /** A step with this member's leaves, or the mean of all; the second one is refused. */
        void step(int step) {
            int own = LEAVES / member.map(Team::size).orElse(1);
            int first = own * member.map(Team::rank).orElse(0);
            for (int leaf = first; leaf < first + own; leaf++) {
                if (member.isPresent()) {
                    set(gradients(step, leaf, 1), 1);
                }
                contribute(step, leaf);
                if (member.isPresent() && own > 1) {
                    optimizer.accumulate();
                }
            }
            if (member.isEmpty()) {
                set(gradients(step, 0, LEAVES), 1f / LEAVES);
            }
            optimizer.step();
        }

        private void set(List<float[]> values, float weight) {
            for (int i = 0; i < values.size(); i++) {
                var gradient = gradient(all().get(i));
                for (int j = 0; j < values.get(i).length; j++) {
                    gradient.setAtIndex(ValueLayout.JAVA_FLOAT, j, values.get(i)[j] * weight);
                }
            }
        }

        /** The sum of the gradients of some leaves, by adjacent pairs. */
        private List<float[]> gradients(int step, int first, int count) {
            if (count == 1) {
                var found = new ArrayList<float[]>();
                for (var parameter : all()) {
                    int seed = 1 + 1000 * step + 10 * first + found.size();
                    found.add(floats(parameter.elements(), seed));
                }
                if (step == 1 && first == 6) {
                    found.getFirst()[0] = Float.NaN;
                }
                return found;
            }
            var left = gradients(step, first, count / 2);
            var right = gradients(step, first + count / 2, count / 2);
            for (int i = 0; i < left.size(); i++) {
                for (int j = 0; j < left.get(i).length; j++) {
                    left.get(i)[j] += right.get(i)[j];
                }
            }
            return left;
        }

        /**
         * What layers see in a leaf: one nothing, one nothing but padding, and in the fourth step
         * one an infinity. The last one's columns of inputs have the same numbers, in different
         * leaves: what tells them apart is the rounding of sums, which depends on their order.
         */
        void contribute(int step, int leaf) {
            for (int layer = 0; layer < LAYERS.length; layer++) {
                if (layer == 1 && leaf == 3) {
                    continue;
                }
                int seed = 1 + 1000 * step + 10 * leaf + layer;
                boolean last = layer == LAYERS.length - 1;
                int rows = last ? 1 : ROWS + leaf % 3;
                var mask = arena.allocate(rows).fill((byte) (layer == 2 && leaf == 5 ? 0 : 1));
                var inputs =
                        last
                                ? rotated(leaf, LAYERS[layer][1])
                                : numbers((long) rows * LAYERS[layer][1], seed);
                if (layer == 0 && step == 3 && leaf == 4) {
                    inputs.set(ValueLayout.JAVA_FLOAT, 0, Float.POSITIVE_INFINITY);
                }
                curvature.accumulate(
                        "layer" + layer,
                        inputs,
                        numbers((long) rows * LAYERS[layer][0], -seed),
                        Batch.mean().withMask(new HostMemory(mask)));
            }
        }

        /** The last layer has seen something while there is no optimizer. */
        void contributeToNone() {
            int last = LAYERS.length - 1;
            curvature.accumulate(
                    "layer" + last,
                    numbers(LAYERS[last][1], 1),
                    numbers(LAYERS[last][0], 2),
                    Batch.mean().withLossScale(SCALE));
        }

        private MemorySegment rotated(int leaf, int columns) {
            var numbers = floats(LEAVES, 3);
            var row = arena.allocate(ValueLayout.JAVA_FLOAT, columns);
            for (int i = 0; i < columns; i++) {
                row.setAtIndex(ValueLayout.JAVA_FLOAT, i, 1000 * numbers[(leaf + i) % LEAVES]);
            }
            return row;
        }

        /** What all members have alike. */
        List<String> common() {
            var common = new ArrayList<String>();
            common.add(optimizer.report().gradientNorm().toString());
            common.add(optimizer.report().skipped() + "");
            common.add(curvature.metadata().toString());
            curvature.states().forEach(each -> common.add(hash(each.toArray())));
            all().forEach(each -> common.add(hash(values(each))));
            return common;
        }

        static float[] values(Parameter parameter) {
            return ((HostMemory) parameter.value()).segment().toArray(ValueLayout.JAVA_FLOAT);
        }

        /** What this member has of the Fisher information. */
        List<float[]> fisher() {
            return ofLayers.stream()
                    .map(each -> optimizer.state(each.name(), "fisher").toArray())
                    .toList();
        }

        @Override
        public void close() {
            optimizer.close();
            closeOthers();
        }

        private void closeOthers() {
            curvature.close();
            backend.close();
            arena.close();
        }
    }

    private static String hash(float[] values) {
        return Integer.toHexString(Arrays.hashCode(values));
    }

    /** What a member does, or somebody with a net. */
    @FunctionalInterface
    private interface Work<A, T> {
        T of(A with) throws Exception;
    }

    private static <T> List<T> onMembers(int members, Work<Team, T> work) throws Exception {
        var results = new ArrayList<T>();
        try (var threads = Executors.newFixedThreadPool(members)) {
            var tasks =
                    LocalTeam.of(members, Duration.ofSeconds(20)).stream()
                            .<Callable<T>>map(member -> () -> work.of(member))
                            .toList();
            for (var task : threads.invokeAll(tasks)) {
                results.add(task.get());
            }
        }
        return results;
    }

    private static <T> List<T> onAll(String backend, int members, Change change, Work<Net, T> work)
            throws Exception {
        return onMembers(
                members,
                member -> {
                    try (var net = new Net(backend, Optional.of(member), change)) {
                        return work.of(net);
                    }
                });
    }

    private static <T> T alone(String backend, Change change, Work<Net, T> work) throws Exception {
        try (var net = new Net(backend, Optional.empty(), change)) {
            return work.of(net);
        }
    }

    /** What members have alike, and what each has of the Fisher information. */
    private record Result(List<String> common, List<float[]> fisher) {

        static Result steps(Net net) {
            var common = new ArrayList<String>();
            for (int step = 0; step < STEPS; step++) {
                switch (step) {
                    case 2 -> net.optimizer.freeze("last");
                    case 5 -> net.optimizer.unfreeze("last");
                    default -> {}
                }
                net.step(step);
                common.addAll(net.common());
            }
            return new Result(common, net.fisher());
        }

        /** What members have together. */
        static List<String> together(List<Result> results) {
            assertThat(results).extracting(Result::common).containsOnly(results.getFirst().common);
            var all = new ArrayList<>(results.getFirst().common);
            for (int i = 0; i < results.getFirst().fisher.size(); i++) {
                int hash = 1;
                for (var result : results) {
                    for (float value : result.fisher.get(i)) {
                        hash = 31 * hash + Float.hashCode(value);
                    }
                }
                all.add(Integer.toHexString(hash));
            }
            return all;
        }
    }

    @ParameterizedTest
    @CsvSource({"reference, NORMALISED_EMA, 2", "simd, REFERENCE, 1"})
    void aTeamOfAnySizeHasTheBitsOfNone(String backend, FisherAverage average, int period)
            throws Exception {
        var change = Change.NONE.withCurvature(builder -> builder.average(average).period(period));
        var expected = Result.together(List.of(alone(backend, change, Result::steps)));

        assertThat(expected.stream().distinct().count()).isGreaterThan(60);
        for (int members : List.of(1, 2, 4, 8)) {
            assertThat(Result.together(onAll(backend, members, change, Result::steps)))
                    .as("%d members", members)
                    .isEqualTo(expected);
        }
    }

    @Test
    void itsCheckpointGoesOnInATeamOfAnySizeAndInNone() throws Exception {
        var saved = folder.resolve("saved");
        var whole = folder.resolve("whole.safetensors");
        var values =
                onAll(
                        "reference",
                        2,
                        Change.NONE,
                        net -> {
                            net.step(0);
                            net.optimizer.save(saved);
                            return net.all().stream().map(Net::values).toList();
                        });
        alone(
                "reference",
                Change.NONE,
                net -> {
                    net.step(0);
                    net.optimizer.save(whole);
                    return whole;
                });
        var one = folder.resolve("one.safetensors");
        Checkpoints.consolidate(saved, one);
        Work<Net, Result> going =
                net -> {
                    net.optimizer.load(saved);
                    for (int i = 0; i < net.all().size(); i++) {
                        var value = ((HostMemory) net.all().get(i).value()).segment();
                        value.copyFrom(MemorySegment.ofArray(values.getFirst().get(i)));
                    }
                    net.step(1);
                    net.step(2);
                    return new Result(net.common(), net.fisher());
                };
        Work<Net, Result> uninterrupted =
                net -> {
                    net.step(0);
                    net.step(1);
                    net.step(2);
                    return new Result(net.common(), net.fisher());
                };
        var expected = Result.together(List.of(alone("reference", Change.NONE, uninterrupted)));

        assertThat(Result.together(List.of(alone("simd", Change.NONE, going))))
                .as("no team")
                .isEqualTo(expected);
        for (int members : List.of(1, 4)) {
            assertThat(Result.together(onAll("reference", members, Change.NONE, going)))
                    .as("%d members", members)
                    .isEqualTo(expected);
        }
        // The number of leaves is a team's alone.
        assertThat(Files.size(one) - Files.size(whole)).isBetween(0L, 64L);
    }

    private static final Change WITH_PASSES =
            Change.NONE.withOptimizer(builder -> builder.companion(SAM.defaults()));

    /** The leaves of a batch, that go with contributions or without. */
    private static void batch(Net net, boolean contributes) {
        int own = LEAVES / net.member.orElseThrow().size();
        int first = own * net.member.orElseThrow().rank();
        for (int leaf = first; leaf < first + own; leaf++) {
            if (contributes) {
                net.contribute(0, leaf);
            }
            // A single one is left to the step or pass.
            if (own > 1) {
                net.optimizer.accumulate();
            }
        }
    }

    @ParameterizedTest
    @CsvSource({"4, true", "4, false", "8, true", "8, false"})
    void whatCameWithAPassWaitsForTheStepAndComesOnce(int members, boolean withPass)
            throws Exception {
        var found =
                onAll(
                        "reference",
                        members,
                        WITH_PASSES,
                        net -> {
                            batch(net, withPass);
                            net.optimizer.run(SAM.PERTURB);
                            if (withPass) {
                                assertThatIllegalStateException()
                                        .isThrownBy(() -> net.contribute(0, 0))
                                        .withMessage(
                                                "layer 'layer0': contributions to the coming step"
                                                    + " came already, with all its micro-batches;"
                                                    + " they come once for each step, before"
                                                    + " accumulate or the end of backward takes one"
                                                    + " up");
                            }
                            batch(net, !withPass);
                            net.optimizer.run(SAM.RESTORE);
                            net.optimizer.step();
                            return averages(net);
                        });

        var alone =
                alone(
                        "reference",
                        Change.NONE,
                        net -> {
                            net.step(0);
                            return averages(net);
                        });
        assertThat(found).allSatisfy(each -> assertThat(each).isEqualTo(alone));
    }

    private static List<String> averages(Net net) {
        return net.curvature.states().stream().map(each -> hash(each.toArray())).toList();
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 8})
    void whatComesAfterTheLastLeafIsRefused(int members) throws Exception {
        var found =
                onAll(
                        "reference",
                        members,
                        Change.NONE,
                        net -> {
                            for (int leaf = 0; leaf < LEAVES / members; leaf++) {
                                net.optimizer.accumulate();
                            }
                            var before = averages(net);
                            if (net.member.orElseThrow().rank() == members - 1) {
                                assertThatIllegalStateException()
                                        .isThrownBy(() -> net.contribute(0, 2))
                                        .withMessage(
                                                "layer 'layer0': contributions came after the"
                                                    + " micro-batches of the step had ended; they"
                                                    + " come before accumulate or the end of"
                                                    + " backward takes one up");
                            }
                            net.optimizer.step();
                            assertThat(averages(net)).isEqualTo(before);
                            return net.optimizer.report().step();
                        });

        assertThat(found).containsOnly(1L);
    }

    @Test
    void whatIsDiscardedBetweenTwoLeavesIsAsIfItHadNotBeenShown() throws Exception {
        assertThat(afterFirstLeaf(true)).isEqualTo(afterFirstLeaf(false));
    }

    /**
     * The averages of a step, of which one member has discarded its first leaf or shown nothing.
     */
    private static List<List<String>> afterFirstLeaf(boolean discards) throws Exception {
        return onAll(
                "reference",
                2,
                Change.NONE,
                net -> {
                    int first = LEAVES / 2 * net.member.orElseThrow().rank();
                    for (int leaf = first; leaf < first + LEAVES / 2; leaf++) {
                        if (leaf > 0 || discards) {
                            net.contribute(0, leaf);
                        }
                        net.optimizer.accumulate();
                        if (leaf == 0 && discards) {
                            net.curvature.discard();
                        }
                    }
                    var before = averages(net);
                    net.optimizer.step();
                    assertThat(averages(net)).isNotEqualTo(before);
                    return averages(net);
                });
    }

    @Test
    void anotherOptimizerTakesItOverWithATeamOrWithout() throws Exception {
        var expected =
                alone("reference", Change.NONE, net -> takenOver(net, Optional.empty())).stream()
                        .map(each -> Result.together(List.of(each)))
                        .toList();

        var intoATeam =
                onMembers(
                        4,
                        member ->
                                alone(
                                        "reference",
                                        Change.NONE,
                                        net -> takenOver(net, Optional.of(member))));
        for (int i = 0; i < expected.size(); i++) {
            int number = i;
            assertThat(Result.together(intoATeam.stream().map(each -> each.get(number)).toList()))
                    .isEqualTo(expected.get(i));
        }
        for (var outOfATeam :
                onAll("reference", 2, Change.NONE, net -> takenOver(net, Optional.<Team>empty()))) {
            assertThat(outOfATeam)
                    .extracting(each -> Result.together(List.of(each)))
                    .isEqualTo(expected);
        }
    }

    /** Where an optimizer begins that takes the curvature over after a step, and comes to. */
    private static List<Result> takenOver(Net net, Optional<Team> member) {
        net.step(0);
        net.changeOptimizer(member);
        var begun = new Result(List.of(), net.fisher());
        net.step(2);
        net.step(4);
        return List.of(begun, new Result(net.common(), net.fisher()));
    }

    @Test
    void contributionsOfBeforeTheTeamAreRefused() throws Exception {
        var found =
                onMembers(
                        1,
                        member ->
                                alone(
                                        "reference",
                                        Change.NONE,
                                        net -> {
                                            net.optimizer.close();
                                            net.contributeToNone();
                                            return catchRuntimeException(
                                                            () ->
                                                                    net.changeOptimizer(
                                                                            Optional.of(member)))
                                                    .getMessage();
                                        }));

        assertThat(found).containsOnly("contributions came before the team's optimizer was built");
    }

    @Test
    void thoseOfBetweenATeamAndNoneCount() throws Exception {
        Work<Net, List<String>> work =
                net -> {
                    net.optimizer.close();
                    net.contributeToNone();
                    net.changeOptimizer(Optional.empty());
                    net.optimizer.step();
                    return net.fisher().stream().map(each -> hash(each)).toList();
                };
        var expected = alone("reference", Change.NONE, work);

        for (var found : onAll("reference", 2, Change.NONE, work)) {
            assertThat(found).isEqualTo(expected);
        }
    }

    @Test
    void membersAgreeOnTheSettingsFirst() throws Exception {
        var found =
                onMembers(
                        2,
                        member -> {
                            double decay = .5 + .1 * member.rank();
                            var change = Change.NONE.withCurvature(each -> each.decay(decay));
                            return catchRuntimeException(
                                            () -> new Net("reference", Optional.of(member), change))
                                    .toString();
                        });

        assertThat(found)
                .containsOnly(
                        TeamException.class.getName()
                                + ": members differ: AdaFisher's decay 0.6 on member 1, 0.5 on"
                                + " member 0");
    }
}
