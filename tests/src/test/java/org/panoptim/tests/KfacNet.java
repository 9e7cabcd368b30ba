package org.panoptim.tests;

import static org.assertj.core.api.Assertions.assertThat;

import org.panoptim.Optimizer;
import org.panoptim.backend.Backend;
import org.panoptim.distributed.LocalTeam;
import org.panoptim.kfac.Batch;
import org.panoptim.kfac.Kfac;
import org.panoptim.parameter.Parameter;
import org.panoptim.rule.Rules;
import org.panoptim.shard.Team;
import org.panoptim.step.NonFinitePolicy;
import org.panoptim.tensor.Shape;
import org.panoptim.tensor.StateTensor;
import org.panoptim.testkit.BackendMemory;
import org.panoptim.testkit.BackendTensor;

import java.lang.foreign.MemorySegment;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.Callable;
import java.util.concurrent.Executors;
import java.util.function.BiConsumer;
import java.util.function.Consumer;
import java.util.function.UnaryOperator;

/**
 * A net whose layers K-FAC preconditions, in a backend's memory, with all that a member of a team
 * has of it: layers with biases but for one, three of which have one shape, and a parameter of no
 * layer. All members begin with the same values.
 */
public final class KfacNet implements AutoCloseable {

    public static final int LEAVES = 8;

    /** Outputs and inputs. */
    private static final int[][] LAYERS = {
        {7, 12}, {5, 7}, {9, 20}, {5, 5}, {3, 4}, {5, 5}, {5, 5}
    };

    private static final int ROWS = 6;

    public final Kfac kfac;
    public Optimizer optimizer;
    private final Backend backend;
    private final Runnable onClose;
    private final BackendMemory memory;
    private final Map<Parameter, BackendTensor> values = new IdentityHashMap<>();
    private final Map<Parameter, BackendTensor> gradients = new IdentityHashMap<>();
    private final Parameter other;
    private final List<Parameter> weights = new ArrayList<>();
    private final List<Parameter> biases = new ArrayList<>();

    /**
     * Builds it on a backend of its own.
     *
     * @param change what else the optimizer has; a team perhaps
     */
    public KfacNet(
            String backend,
            UnaryOperator<Kfac.Builder> kfacChange,
            UnaryOperator<Optimizer.Builder<?>> change) {
        this(Backend.named(backend), Backend::close, kfacChange, change);
    }

    /** Builds it on a backend that the caller closes. */
    public KfacNet(
            Backend backend,
            UnaryOperator<Kfac.Builder> kfacChange,
            UnaryOperator<Optimizer.Builder<?>> change) {
        this(backend, _ -> {}, kfacChange, change);
    }

    private KfacNet(
            Backend backend,
            Consumer<Backend> onClose,
            UnaryOperator<Kfac.Builder> kfacChange,
            UnaryOperator<Optimizer.Builder<?>> change) {
        this.backend = backend;
        this.onClose = () -> onClose.accept(backend);
        memory = new BackendMemory(backend);
        other = parameter("other", 70_000);
        var builder = Kfac.builder(backend).inversePeriod(2);
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
        optimizer = open(change);
    }

    private Optimizer open(UnaryOperator<Optimizer.Builder<?>> change) {
        var withoutLargest = new ArrayList<>(weights);
        var largest = withoutLargest.remove(2);
        return change.apply(
                        Optimizer.builder(Rules.sgd(0.1).withMomentum(0.5))
                                .group("biases", biases)
                                .group("others", List.of(other))
                                .group("weights", withoutLargest)
                                .group("largest", List.of(largest))
                                .clipGlobalNorm(10)
                                .nonFinite(NonFinitePolicy.SKIP)
                                .transform(kfac)
                                .backend(backend))
                .build();
    }

    /** Lets another optimizer have K-FAC. */
    void changeOptimizer(UnaryOperator<Optimizer.Builder<?>> change) {
        optimizer.close();
        optimizer = open(change);
    }

    /** What a member does. */
    @FunctionalInterface
    public interface Work<T> {
        T of(Team member) throws Exception;
    }

    /** What each member of a team found, in a thread of its own. */
    public static <T> List<T> onAll(int members, Work<T> work) throws Exception {
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

    /** What all members have, and what each has of factors and inverses. */
    private record Result(List<String> common, List<float[]> states) {}

    /** What a team has together of each of five steps, and of factors and inverses at last. */
    public static List<String> train(
            String backend, int members, UnaryOperator<Kfac.Builder> change) throws Exception {
        return train(backend, members, change, (_, _) -> {});
    }

    /**
     * The same.
     *
     * @param before what a member does before each step
     */
    public static List<String> train(
            String backend,
            int members,
            UnaryOperator<Kfac.Builder> change,
            BiConsumer<Team, KfacNet> before)
            throws Exception {
        return together(onAll(members, member -> train(backend, member, change, before)));
    }

    private static Result train(
            String backend,
            Team member,
            UnaryOperator<Kfac.Builder> change,
            BiConsumer<Team, KfacNet> before) {
        var common = new ArrayList<String>();
        try (var net = new KfacNet(backend, change, builder -> builder.shards(member, LEAVES))) {
            for (int step = 0; step < 5; step++) {
                before.accept(member, net);
                net.step(member, step);
                common.add(net.optimizer.report().gradientNorm().toString());
                common.add(net.optimizer.report().skipped() + "");
                common.add(net.kfac.klCoefficient().toString());
                common.addAll(net.hashes());
            }
            return new Result(
                    common, net.kfac.states().stream().map(StateTensor::toArray).toList());
        }
    }

    /** Every factor is one member's. */
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

    private static String hash(float[] values) {
        return Integer.toHexString(Arrays.hashCode(values));
    }

    private Parameter parameter(String name, long... dimensions) {
        var shape = Shape.of(dimensions);
        var value = tensor(random(shape.elements(), 7));
        var gradient = memory.allocate(shape.elements());
        var parameter = Parameter.of(name, shape, value.memory()).gradient(gradient.memory());
        values.put(parameter, value);
        gradients.put(parameter, gradient);
        return parameter;
    }

    private BackendTensor tensor(float... floats) {
        var tensor = memory.allocate(floats.length);
        tensor.write(floats);
        return tensor;
    }

    private static float[] random(long count, long seed) {
        var random = new Random(seed);
        var floats = new float[Math.toIntExact(count)];
        for (int i = 0; i < floats.length; i++) {
            floats[i] = (float) random.nextGaussian();
        }
        return floats;
    }

    /** All parameters, in the optimizer's order. */
    public List<Parameter> parameters() {
        return optimizer.groups().stream().flatMap(group -> group.parameters().stream()).toList();
    }

    /** The values of all parameters. */
    public List<float[]> values() {
        return parameters().stream().map(each -> values.get(each).toArray()).toList();
    }

    /** The values of a parameter. */
    public float[] value(String parameter) {
        return parameters().stream()
                .filter(each -> each.name().equals(parameter))
                .map(each -> values.get(each).toArray())
                .findFirst()
                .orElseThrow();
    }

    /** The gradient of a parameter, as it is now. */
    float[] gradient(String parameter) {
        return parameters().stream()
                .filter(each -> each.name().equals(parameter))
                .map(each -> gradients.get(each).toArray())
                .findFirst()
                .orElseThrow();
    }

    /** A hash of the values of each parameter. */
    public List<String> hashes() {
        return values().stream().map(KfacNet::hash).toList();
    }

    /** Sets the values of all parameters. */
    public void values(List<float[]> newValues) {
        var parameters = parameters();
        for (int i = 0; i < parameters.size(); i++) {
            values.get(parameters.get(i)).write(newValues.get(i));
        }
    }

    /** Sets the gradients to those of a leaf. */
    public void differentiate(int step, int leaf) {
        var random = new Random(1000L * step + leaf);
        for (var parameter : parameters()) {
            var floats = new float[Math.toIntExact(parameter.elements())];
            for (int i = 0; i < floats.length; i++) {
                floats[i] = (float) random.nextGaussian();
            }
            gradients.get(parameter).write(floats);
        }
    }

    /** Sets all elements of a gradient to a value. */
    void differentiate(String parameter, float value) {
        for (var each : parameters()) {
            if (each.name().equals(parameter)) {
                var floats = new float[Math.toIntExact(each.elements())];
                Arrays.fill(floats, value);
                gradients.get(each).write(floats);
            }
        }
    }

    /** Sets the gradients to the mean of all leaves, as a team takes it: by adjacent pairs. */
    public void differentiate(int step) {
        var sums = sums(step, 0, LEAVES);
        var parameters = parameters();
        for (int i = 0; i < sums.size(); i++) {
            for (int j = 0; j < sums.get(i).length; j++) {
                sums.get(i)[j] *= 1f / LEAVES;
            }
            gradients.get(parameters.get(i)).write(sums.get(i));
        }
    }

    private List<float[]> sums(int step, int first, int count) {
        if (count == 1) {
            differentiate(step, first);
            return parameters().stream().map(each -> gradients.get(each).toArray()).toList();
        }
        var left = sums(step, first, count / 2);
        var right = sums(step, first + count / 2, count / 2);
        for (int i = 0; i < left.size(); i++) {
            for (int j = 0; j < left.get(i).length; j++) {
                left.get(i)[j] += right.get(i)[j];
            }
        }
        return left;
    }

    /** Shows what layers see in a leaf: some nothing, one nothing but padding, and one twice. */
    public void contribute(int step, int leaf) {
        for (int layer = 0; layer < LAYERS.length; layer++) {
            if (layer == 1 && leaf == 3) {
                continue;
            }
            for (int times = 0; times < (layer == 3 && leaf == 2 ? 2 : 1); times++) {
                long seed = 1 + 1000L * step + 10L * leaf + layer + 5000 * times;
                contribute(
                        layer,
                        random((long) ROWS * LAYERS[layer][1], seed),
                        random((long) ROWS * LAYERS[layer][0], -seed),
                        layer != 2 || leaf != 5);
            }
        }
    }

    /** Shows rows of which one has an infinite input. */
    private void contributeInfinity(int layer) {
        var inputs = random(LAYERS[layer][1], 1);
        inputs[0] = Float.POSITIVE_INFINITY;
        contribute(layer, inputs, random(LAYERS[layer][0], 2), true);
    }

    private void contribute(int layer, float[] inputs, float[] outputGradients, boolean counts) {
        int rows = inputs.length / LAYERS[layer][1];
        var mask = new byte[rows];
        Arrays.fill(mask, (byte) (counts ? 1 : 0));
        try (var ofMask = backend.allocate(rows);
                var ofInputs = tensor(inputs);
                var ofOutputs = tensor(outputGradients)) {
            ofMask.write(0, MemorySegment.ofArray(mask));
            kfac.accumulate(
                    "layer" + layer,
                    ofInputs.memory(),
                    ofOutputs.memory(),
                    Batch.sum().withMask(ofMask.memory()));
        }
    }

    /**
     * Takes a step of a team with all leaves of a batch. Step 1 is refused, and in step 3 the
     * contributions of the first layer are.
     */
    public void step(Team member, int step) {
        int own = LEAVES / member.size();
        for (int leaf = member.rank() * own; leaf < (member.rank() + 1) * own; leaf++) {
            differentiate(step, leaf);
            contribute(step, leaf);
            if (step == 1 && leaf == 6) {
                gradients.get(other).write(Float.NaN);
            }
            if (step == 3 && leaf == 4) {
                contributeInfinity(0);
            }
            if (own > 1) {
                optimizer.accumulate();
            }
        }
        optimizer.step();
    }

    @Override
    public void close() {
        optimizer.close();
        kfac.close();
        memory.close();
        onClose.run();
    }
}
