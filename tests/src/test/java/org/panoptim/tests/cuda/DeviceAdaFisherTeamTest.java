package org.panoptim.tests.cuda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.panoptim.Optimizer;
import org.panoptim.backend.Backend;
import org.panoptim.cuda.jcuda.CudaJcudaProvider;
import org.panoptim.distributed.LocalTeam;
import org.panoptim.kfac.AdaFisherCurvature;
import org.panoptim.kfac.Batch;
import org.panoptim.parameter.Parameter;
import org.panoptim.rule.Rules;
import org.panoptim.shard.Team;
import org.panoptim.step.NonFiniteGradientException;
import org.panoptim.step.NonFinitePolicy;
import org.panoptim.tensor.DType;
import org.panoptim.tensor.Shape;
import org.panoptim.testkit.BackendMemory;
import org.panoptim.testkit.BackendTensor;

import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.Executors;
import java.util.function.UnaryOperator;

/** AdaFisher in steps that members of a team share whose layers lie on a device. */
@Tag("virtual-gpu")
class DeviceAdaFisherTeamTest {

    private static final int LEAVES = 4;

    /** Outputs and inputs; the first weight is cut, and has a bias. */
    private static final int[][] LAYERS = {{331, 450}, {4, 5}};

    @TempDir private Path folder;

    /** A member's net. */
    private static final class Net implements AutoCloseable {

        final Team member;
        final Backend backend;
        final BackendMemory memory;
        final List<Parameter> parameters = new ArrayList<>();
        final List<BackendTensor> values = new ArrayList<>();
        final List<BackendTensor> gradients = new ArrayList<>();
        final AdaFisherCurvature curvature;
        final Optimizer optimizer;

        Net(String backend, Team member, UnaryOperator<Optimizer.Builder<?>> change) {
            this.member = member;
            this.backend = Backend.named(backend);
            memory = new BackendMemory(this.backend);
            var first = parameter("w0", LAYERS[0][0], LAYERS[0][1]);
            var bias = parameter("b0", LAYERS[0][0]);
            var second = parameter("w1", LAYERS[1][0], LAYERS[1][1]);
            curvature =
                    AdaFisherCurvature.builder(this.backend)
                            .layer("layer0", first, bias)
                            .layer("layer1", second)
                            .period(2)
                            .build();
            optimizer =
                    change.apply(
                                    Optimizer.builder(Rules.adaFisher(1e-2))
                                            .group("all", parameters)
                                            .transform(curvature)
                                            .shards(member, LEAVES)
                                            .backend(this.backend))
                            .build();
        }

        private Parameter parameter(String name, long... dimensions) {
            var shape = Shape.of(dimensions);
            values.add(numbers(shape.elements(), 7));
            gradients.add(numbers(shape.elements(), 0));
            parameters.add(
                    Parameter.of(name, shape, values.getLast().memory())
                            .gradient(gradients.getLast().memory()));
            return parameters.getLast();
        }

        private BackendTensor numbers(long count, int seed) {
            var tensor = memory.allocate(DType.F32, count, 0);
            tensor.write(floats(count, seed));
            return tensor;
        }

        private static float[] floats(long count, int seed) {
            var floats = new float[Math.toIntExact(count)];
            int bits = seed;
            for (int i = 0; i < floats.length; i++) {
                bits = 1_664_525 * bits + 1_013_904_223;
                floats[i] = bits * 0x1p-31f;
            }
            return floats;
        }

        void step(int step) {
            step(step, false);
        }

        /** A step in which the last leaf's last gradient is NaN perhaps. */
        void step(int step, boolean isNaN) {
            int own = LEAVES / member.size();
            for (int leaf = own * member.rank(); leaf < own * (member.rank() + 1); leaf++) {
                for (int i = 0; i < gradients.size(); i++) {
                    gradients
                            .get(i)
                            .write(floats(gradients.get(i).elements(), 100 * step + 10 * leaf + i));
                }
                if (isNaN && leaf == LEAVES - 1) {
                    gradients.getLast().write(Float.NaN);
                }
                contribute(step, leaf);
                if (own > 1) {
                    optimizer.accumulate();
                }
            }
            optimizer.step();
        }

        /** One layer sees nothing in a leaf, and one nothing but padding in another. */
        private void contribute(int step, int leaf) {
            for (int layer = 0; layer < LAYERS.length; layer++) {
                if (layer == 1 && leaf == 2) {
                    continue;
                }
                int seed = 1000 * step + 10 * leaf + layer;
                int rows = Float.BYTES * (1 + leaf % 3);
                var mask = memory.allocate(rows / Float.BYTES);
                var present = new byte[rows];
                Arrays.fill(present, (byte) (layer == 0 && leaf == 1 ? 0 : 1));
                mask.write(MemorySegment.ofArray(present));
                curvature.accumulate(
                        "layer" + layer,
                        numbers((long) rows * LAYERS[layer][1], seed).memory(),
                        numbers((long) rows * LAYERS[layer][0], -seed).memory(),
                        Batch.mean().withMask(mask.memory()));
            }
        }

        @Override
        public void close() {
            optimizer.close();
            curvature.close();
            memory.close();
            backend.close();
        }
    }

    /** What a member does with its net. */
    @FunctionalInterface
    private interface Work<T> {
        T of(Net net) throws Exception;
    }

    private static <T> List<T> onAll(String backend, int members, Work<T> work) throws Exception {
        return onAll(backend, members, builder -> builder, work);
    }

    private static <T> List<T> onAll(
            String backend, int members, UnaryOperator<Optimizer.Builder<?>> change, Work<T> work)
            throws Exception {
        var results = new ArrayList<T>();
        try (var threads = Executors.newFixedThreadPool(members)) {
            var tasks =
                    LocalTeam.of(members, Duration.ofSeconds(20)).stream()
                            .<Callable<T>>map(
                                    member ->
                                            () -> {
                                                try (var net = new Net(backend, member, change)) {
                                                    return work.of(net);
                                                }
                                            })
                            .toList();
            for (var task : threads.invokeAll(tasks)) {
                results.add(task.get());
            }
        }
        return results;
    }

    /**
     * Where a member's training stands.
     *
     * @param common what all members have alike
     * @param fisher what this one has of the Fisher information, by the parameters
     */
    private record Position(List<float[]> common, List<float[]> fisher) {

        static Position of(Net net) {
            var common = new ArrayList<float[]>();
            net.values.forEach(value -> common.add(value.toArray()));
            net.curvature.states().forEach(state -> common.add(state.toArray()));
            return new Position(
                    common,
                    net.parameters.stream()
                            .map(each -> net.optimizer.state(each.name(), "fisher").toArray())
                            .toList());
        }

        /** What members have together. */
        static List<float[]> together(List<Position> members) {
            var all = new ArrayList<>(members.getFirst().common);
            for (var member : members) {
                assertThat(hashes(member.common)).isEqualTo(hashes(all));
            }
            for (int i = 0; i < members.getFirst().fisher.size(); i++) {
                var whole = new float[0];
                for (var member : members) {
                    var part = member.fisher.get(i);
                    int before = whole.length;
                    whole = Arrays.copyOf(whole, before + part.length);
                    System.arraycopy(part, 0, whole, before, part.length);
                }
                all.add(whole);
            }
            return all;
        }
    }

    private static List<Integer> hashes(List<float[]> arrays) {
        return arrays.stream().map(Arrays::hashCode).toList();
    }

    private static List<float[]> steps(String backend, int members) throws Exception {
        return Position.together(
                onAll(
                        backend,
                        members,
                        net -> {
                            for (int step = 0; step < 3; step++) {
                                net.step(step);
                            }
                            return Position.of(net);
                        }));
    }

    @Test
    void theNumberOfMembersChangesNoBitAndTheBackendLittle() throws Exception {
        var alone = steps("cuda-ffm", 1);

        assertThat(hashes(alone)).doesNotHaveDuplicates();
        for (int members : List.of(2, 4)) {
            assertThat(hashes(steps("cuda-ffm", members))).isEqualTo(hashes(alone));
        }
        assertThat(hashes(steps(CudaJcudaProvider.NAME, 2))).isEqualTo(hashes(alone));
        var onTheHost = steps("reference", 2);
        for (int i = 0; i < alone.size(); i++) {
            assertThat(distance(alone.get(i), onTheHost.get(i))).isLessThan(1e-6);
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 4})
    void aStepThatFailsOfANaNLeavesNoTrace(int members) throws Exception {
        var found =
                onAll(
                        "cuda-ffm",
                        members,
                        builder -> builder.nonFinite(NonFinitePolicy.FAIL),
                        net -> {
                            assertThatExceptionOfType(NonFiniteGradientException.class)
                                    .isThrownBy(() -> net.step(9, true));
                            for (int step = 0; step < 3; step++) {
                                net.step(step);
                            }
                            return Position.of(net);
                        });

        assertThat(hashes(Position.together(found))).isEqualTo(hashes(steps("cuda-ffm", 2)));
    }

    private static double distance(float[] one, float[] other) {
        assertThat(one).hasSameSizeAs(other);
        double largest = 0;
        for (int i = 0; i < one.length; i++) {
            largest = Math.max(largest, Math.abs(one[i] - other[i]));
        }
        return largest;
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 4})
    void itsCheckpointGoesOnInATeamOfAnotherSize(int members) throws Exception {
        var saved = folder.resolve("saved");
        var values =
                onAll(
                                "cuda-ffm",
                                2,
                                net -> {
                                    net.step(0);
                                    net.optimizer.save(saved);
                                    return net.values.stream().map(BackendTensor::toArray).toList();
                                })
                        .getFirst();
        var found =
                onAll(
                        "cuda-ffm",
                        members,
                        net -> {
                            net.optimizer.load(saved);
                            for (int i = 0; i < values.size(); i++) {
                                net.values.get(i).write(values.get(i));
                            }
                            net.step(1);
                            net.step(2);
                            return Position.of(net);
                        });

        assertThat(hashes(Position.together(found))).isEqualTo(hashes(steps("cuda-ffm", 2)));
    }
}
