package org.panoptim.tests.cuda;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.panoptim.Optimizer;
import org.panoptim.backend.Backend;
import org.panoptim.cuda.CudaBackend;
import org.panoptim.cuda.CudaOptions;
import org.panoptim.cuda.driver.CudaBlas;
import org.panoptim.cuda.driver.FfmCuda;
import org.panoptim.distributed.LocalTeam;
import org.panoptim.kfac.Batch;
import org.panoptim.kfac.Kfac;
import org.panoptim.kfac.WithoutInverse;
import org.panoptim.parameter.Parameter;
import org.panoptim.rule.Rules;
import org.panoptim.tensor.Shape;
import org.panoptim.tensor.StateTensor;
import org.panoptim.testkit.BackendMemory;
import org.panoptim.testkit.VirtualGpu;
import org.panoptim.tests.KfacCheckpoints;
import org.panoptim.tests.KfacContributions;
import org.panoptim.tests.KfacFailures;
import org.panoptim.tests.KfacFailures.Outcome;
import org.panoptim.tests.KfacNet;

import java.lang.reflect.Proxy;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.function.UnaryOperator;
import java.util.stream.IntStream;

/** K-FAC that members of a team share whose nets lie on devices. */
@Tag("virtual-gpu")
class SharedKfacDeviceTest {

    @TempDir private Path folder;

    @ParameterizedTest
    @CsvSource({"cuda-ffm, 1, 0", "cuda-jcuda, 1, 0", "cuda-ffm, 2, 0", "cuda-ffm, 1, 1e-3"})
    void theNumberOfMembersChangesNoBit(String backend, int factorPeriod, double newtonError)
            throws Exception {
        UnaryOperator<Kfac.Builder> change =
                builder -> builder.factorPeriod(factorPeriod).warmNewton(newtonError);
        var alone = KfacNet.train(backend, 1, change);

        assertThat(alone.stream().distinct().count()).isGreaterThan(50);
        for (int members : List.of(2, 4, 8)) {
            assertThat(KfacNet.train(backend, members, change))
                    .as("%d members", members)
                    .isEqualTo(alone);
        }
    }

    @Test
    void norWhereNothingPreconditionsAtFirst() throws Exception {
        UnaryOperator<Kfac.Builder> change =
                builder -> builder.withoutInverse(WithoutInverse.IDENTITY).klClip(1e-9);

        assertThat(KfacNet.train("cuda-ffm", 4, change))
                .isEqualTo(KfacNet.train("cuda-ffm", 1, change));
    }

    /** What five steps of a team of two change of each weight of a layer. */
    private static float[] change(String backend, String weight) throws Exception {
        return KfacNet.onAll(
                        2,
                        member -> {
                            try (var net =
                                    new KfacNet(
                                            backend,
                                            kfac -> kfac.klClip(Double.POSITIVE_INFINITY),
                                            builder -> builder.shards(member, KfacNet.LEAVES))) {
                                var change = net.value(weight);
                                for (int step = 0; step < 5; step++) {
                                    net.step(member, step);
                                }
                                var after = net.value(weight);
                                for (int i = 0; i < change.length; i++) {
                                    change[i] = after[i] - change[i];
                                }
                                return change;
                            }
                        })
                .getFirst();
    }

    private static double largest(float[] values) {
        return IntStream.range(0, values.length)
                .mapToDouble(i -> Math.abs(values[i]))
                .max()
                .orElseThrow();
    }

    @ParameterizedTest
    @ValueSource(strings = {"w0", "w1", "w2", "w3", "w4", "w5", "w6"})
    void membersOnDevicesComeNearThoseOnHosts(String weight) throws Exception {
        var onHosts = change("reference", weight);
        var difference = change("cuda-ffm", weight);
        for (int i = 0; i < difference.length; i++) {
            difference[i] -= onHosts[i];
        }

        assertThat(largest(onHosts)).isGreaterThan(0.01);
        assertThat(largest(difference)).isLessThan(1e-5 * largest(onHosts));
    }

    @Test
    void checkpointsGoOnWithTheSameBits() throws Exception {
        new KfacCheckpoints(folder).requireSameBits("cuda-ffm", 5);
    }

    @ParameterizedTest
    @CsvSource({"cuda-ffm, reference", "simd, cuda-jcuda"})
    void anotherBackendTakesUpTheSameStates(String saving, String loading) throws Exception {
        new KfacCheckpoints(folder).requireSameStates(saving, loading);
    }

    @Test
    void soTheyDoWithoutATeam() throws Exception {
        new KfacCheckpoints(folder).requireSameBitsWithoutATeam("cuda-ffm");
    }

    @Test
    void aMemberThatGivesUpLeavesAllAsTheyWereOrTheOptimizerUnusable() throws Exception {
        var outcomes = KfacFailures.outcomes("cuda-ffm", 2);

        assertThat(outcomes).isSorted().contains(Outcome.UNCHANGED, Outcome.UNUSABLE);
    }

    @Test
    void whatWasThereBeforeATeamStaysWithTheOwner() throws Exception {
        try (var backend = Backend.named("cuda-ffm");
                var memory = new BackendMemory(backend)) {
            var rows = memory.allocate(12);
            rows.write(1, 2, 3, 4, 5, 6, 7, 8, 9, 1, 2, 4);
            var weight =
                    Parameter.of("w", Shape.of(3, 3), memory.allocate(9).memory())
                            .gradient(memory.allocate(9).memory());
            try (var kfac = Kfac.builder(backend).layer("layer", weight).build()) {
                var builder =
                        Optimizer.builder(Rules.sgd(1))
                                .group("all", List.of(weight))
                                .transform(kfac)
                                .backend(backend);
                try (var alone = builder.build()) {
                    kfac.accumulate("layer", rows.memory(), rows.memory(), Batch.sum());
                    alone.step();
                }
                var before = kfac.states().stream().map(StateTensor::toArray).toList();

                builder.shards(LocalTeam.of(1, Duration.ofSeconds(1)).getFirst()).build().close();

                assertThat(before).allSatisfy(each -> assertThat(each).doesNotContain(0));
                assertThat(kfac.states().stream().map(StateTensor::toArray).toList())
                        .usingRecursiveComparison()
                        .isEqualTo(before);
            }
        }
    }

    @Test
    void whatIsDiscardedNoStepTakesUp() throws Exception {
        KfacContributions.requireDropped("cuda-ffm");
    }

    @Test
    void whereAProductOfOneMemberIsNotFiniteNoLayerMoves() throws Exception {
        KfacContributions.requireStandStill("cuda-ffm");
    }

    @Test
    void whatOthersContributeAloneTheOwnerTakesUp() throws Exception {
        KfacContributions.requireTakenUp("cuda-ffm");
    }

    @ParameterizedTest
    @ValueSource(ints = {2, 8})
    void whatComesAfterTheLastLeafIsRefused(int members) throws Exception {
        KfacContributions.requireLateOnesRefused("cuda-ffm", members);
    }

    @Test
    void membersThatDifferKeepTheirFactors() throws Exception {
        KfacContributions.requireKeptWhereMembersDiffer("cuda-ffm");
    }

    @Test
    void aMemberWhoseLayersAreAllFrozenLeavesTheirGradientsAlone() throws Exception {
        var alone = KfacContributions.requireFrozenLeftAlone("cuda-ffm", 1);

        for (int members : List.of(2, 4)) {
            assertThat(KfacContributions.requireFrozenLeftAlone("cuda-ffm", members))
                    .isEqualTo(alone);
        }
    }

    @Test
    void inATeamACallOfCublasMultipliesOneLayer() {
        assertThat(batches(builder -> builder)).contains(3);
        assertThat(
                        batches(
                                builder ->
                                        builder.shards(
                                                LocalTeam.of(1, Duration.ofSeconds(9)).getFirst())))
                .containsOnly(1);
    }

    /** How many products calls of cuBLAS do in a step of a net with three layers of one shape. */
    private static List<Integer> batches(UnaryOperator<Optimizer.Builder<?>> change) {
        var counts = new ArrayList<Integer>();
        try (var backend =
                        CudaBackend.open(
                                "cuda",
                                FfmCuda.load(),
                                () -> counting(FfmCuda.loadBlas(), counts),
                                CudaOptions.defaults());
                var net = new KfacNet(backend, kfac -> kfac, change)) {
            net.differentiate(0);
            net.contribute(0, 0);
            net.optimizer.step();
        }
        return counts;
    }

    private static CudaBlas counting(CudaBlas blas, List<Integer> counts) {
        return (CudaBlas)
                Proxy.newProxyInstance(
                        CudaBlas.class.getClassLoader(),
                        new Class<?>[] {CudaBlas.class},
                        (_, method, arguments) -> {
                            if (method.getName().equals("sgemmStridedBatched")) {
                                counts.add((Integer) arguments[arguments.length - 1]);
                            }
                            return method.invoke(blas, arguments);
                        });
    }

    @Test
    void nothingIsLeftOnTheDevice() throws Exception {
        var kinds = List.of("allocations", "pinned", "events", "streams");
        var before = kinds.stream().map(VirtualGpu::live).toList();

        KfacNet.train("cuda-ffm", 2, builder -> builder);

        assertThat(kinds).extracting(VirtualGpu::live).isEqualTo(before);
    }
}
