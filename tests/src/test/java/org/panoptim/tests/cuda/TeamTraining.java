package org.panoptim.tests.cuda;

import org.panoptim.Optimizer;
import org.panoptim.backend.Backend;
import org.panoptim.parameter.Output;
import org.panoptim.parameter.Parameter;
import org.panoptim.parameter.ParameterGroup;
import org.panoptim.rule.Slot;
import org.panoptim.rule.UpdateRule;
import org.panoptim.shard.Team;
import org.panoptim.step.NonFinitePolicy;
import org.panoptim.tensor.DType;
import org.panoptim.tensor.Shape;
import org.panoptim.testkit.BackendMemory;
import org.panoptim.testkit.BackendTensor;

import java.io.ByteArrayOutputStream;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.concurrent.Callable;
import java.util.concurrent.Executors;
import java.util.function.Supplier;
import java.util.function.UnaryOperator;

/**
 * A member of a team that trains a small net in a backend's memory, with 8 leaves in all. All
 * members begin with the same values.
 */
final class TeamTraining implements AutoCloseable {

    static final int LEAVES = 8;

    /** Some are cut: shares begin at multiples of 65536 elements. */
    private static final List<Shape> SHAPES =
            List.of(
                    Shape.of(200, 700),
                    Shape.of(5),
                    Shape.of(0),
                    Shape.of(129, 3),
                    Shape.of(65_536),
                    Shape.of(2, 40, 9));

    private final Team member;
    private final BackendMemory memory;
    private final DType type;
    private final List<Parameter> parameters = new ArrayList<>();
    private final List<BackendTensor> values = new ArrayList<>();
    private final List<BackendTensor> gradients = new ArrayList<>();

    /** One for each parameter; the second is handed none. */
    private final List<BackendTensor> curvatures = new ArrayList<>();

    /** Copies and averages. */
    private final List<BackendTensor> outputs = new ArrayList<>();

    private final Optimizer optimizer;
    private boolean curved;
    private boolean spoiled;

    /** What is trained, and how. */
    record Work(
            UpdateRule rule,
            DType type,
            UnaryOperator<Optimizer.Builder<?>> change,
            Stepping stepping,
            int steps) {

        Work(UpdateRule rule) {
            this(rule, DType.F32, UnaryOperator.identity(), TeamTraining::step, 2);
        }

        Work withType(DType value) {
            return new Work(rule, value, change, stepping, steps);
        }

        Work with(UnaryOperator<Optimizer.Builder<?>> value) {
            return new Work(rule, type, value, stepping, steps);
        }

        Work stepping(int count, Stepping value) {
            return new Work(rule, type, change, value, count);
        }

        /**
         * What came of it on all members of a team, each in a thread and on a backend of its own.
         */
        List<String> of(List<Team> team, Supplier<Backend> backend) throws Exception {
            return of(team, backend, (member, _) -> new Joined(member, () -> {}));
        }

        /**
         * The same.
         *
         * @param joining makes another member of a member and its backend
         */
        List<String> of(List<Team> team, Supplier<Backend> backend, Joining joining)
                throws Exception {
            var results = new ArrayList<Result>();
            for (var found : inThreads(team, member -> of(member, backend, joining))) {
                results.add((Result) found);
            }
            var all = new ArrayList<String>();
            for (int rank = 0; rank < results.size(); rank++) {
                // Named where members differ.
                all.addAll(
                        results.get(rank).common.equals(results.getFirst().common)
                                ? rank == 0 ? results.getFirst().common : List.of()
                                : List.of("other on member " + rank));
            }
            for (int i = 0; i < results.getFirst().states.size(); i++) {
                var whole = new ByteArrayOutputStream();
                for (var result : results) {
                    whole.writeBytes(result.states.get(i));
                }
                all.add(hash(whole.toByteArray()));
            }
            return all;
        }

        private Result of(Team member, Supplier<Backend> backend, Joining joining) {
            try (var opened = backend.get();
                    var joined = joining.join(member, opened);
                    var training = new TeamTraining(this, joined.team(), opened)) {
                var found = new ArrayList<String>();
                for (int number = 0; number < steps; number++) {
                    stepping.step(training, number);
                    found.addAll(training.outcome());
                }
                return new Result(found, training.states());
            }
        }
    }

    /** Makes another member of a member and its backend. */
    interface Joining {
        Joined join(Team member, Backend backend);
    }

    /** A member, and what ends it. */
    record Joined(Team team, Runnable onClose) implements AutoCloseable {

        @Override
        public void close() {
            onClose.run();
        }
    }

    /** Takes a step. */
    interface Stepping {
        void step(TeamTraining training, int number);
    }

    /** What all members have, and what each has a part of. */
    private record Result(List<String> common, List<byte[]> states) {}

    /** What a member does. */
    interface MemberWork {
        Object of(Team member) throws Exception;
    }

    /** What each member found, or threw. */
    static List<Object> results(List<Team> team, MemberWork work) throws Exception {
        return inThreads(
                team,
                member -> {
                    try {
                        return work.of(member);
                    } catch (RuntimeException e) {
                        return e;
                    }
                });
    }

    private static List<Object> inThreads(List<Team> team, MemberWork work) throws Exception {
        try (var threads = Executors.newFixedThreadPool(team.size())) {
            var tasks =
                    team.stream().<Callable<Object>>map(member -> () -> work.of(member)).toList();
            var results = new ArrayList<Object>();
            for (var result : threads.invokeAll(tasks)) {
                results.add(result.get());
            }
            return results;
        }
    }

    TeamTraining(Work work, Team member, Backend backend) {
        this.member = member;
        memory = new BackendMemory(backend);
        type = work.type;
        var random = new Random(1);
        for (int i = 0; i < SHAPES.size(); i++) {
            var shape = SHAPES.get(i);
            var value = allocate(shape, type);
            var floats = new float[Math.toIntExact(shape.elements())];
            for (int j = 0; j < floats.length; j++) {
                floats[j] = (float) random.nextGaussian();
            }
            value.write(floats);
            var parameter = Parameter.of("p" + i, shape, type, value.memory());
            if (type == DType.BF16) {
                parameter = withOutputs(parameter);
            }
            values.add(value);
            gradients.add(allocate(shape, type));
            parameter.gradient(gradients.getLast().memory());
            curvatures.add(allocate(shape, type));
            parameters.add(parameter);
        }
        try {
            optimizer = work.change.apply(builder(work.rule)).backend(backend).build();
        } catch (RuntimeException e) {
            memory.close();
            throw e;
        }
    }

    private Optimizer.Builder<?> builder(UpdateRule rule) {
        return Optimizer.builder(rule)
                .group("first", parameters.subList(0, 3))
                .group("second", parameters.subList(3, SHAPES.size()))
                .clipGlobalNorm(1)
                .nonFinite(NonFinitePolicy.SKIP)
                .averageDecay(.5)
                .statistics(true)
                .zeroGradients(true)
                .shards(member, LEAVES);
    }

    private Parameter withOutputs(Parameter parameter) {
        var copy = allocate(parameter.shape(), DType.BF16);
        var average = allocate(parameter.shape(), DType.F32);
        outputs.add(copy);
        outputs.add(average);
        return parameter
                .copiedTo(new Output(DType.BF16, copy.memory()))
                .averagedIn(new Output(DType.F32, average.memory()));
    }

    private BackendTensor allocate(Shape shape, DType of) {
        return memory.allocate(of, shape.elements(), 0);
    }

    Optimizer optimizer() {
        return optimizer;
    }

    BackendTensor value(int parameter) {
        return values.get(parameter);
    }

    BackendTensor gradient(int parameter) {
        return gradients.get(parameter);
    }

    BackendTensor curvature(int parameter) {
        return curvatures.get(parameter);
    }

    /** Whether the leaves of batches come with curvature. */
    void curve(boolean value) {
        curved = value;
    }

    /**
     * Whether the last leaf of batches has a NaN, in what the first of several members owns: in the
     * curvature if there is some, else in the gradient.
     */
    void spoil(boolean value) {
        spoiled = value;
    }

    /** Adds a group of a parameter of a net of its own. */
    void addGroup() {
        var shape = Shape.of(3, 30_000);
        var value = allocate(shape, DType.F32);
        values.add(value);
        gradients.add(allocate(shape, DType.F32));
        optimizer.add(
                new ParameterGroup(
                        "third",
                        optimizer.group("second").rule(),
                        List.of(
                                Parameter.of("added", shape, value.memory())
                                        .gradient(gradients.getLast().memory()))));
    }

    /** Takes up this member's leaves of a batch, or leaves the only one in the gradients. */
    void differentiate(int batch) {
        int own = LEAVES / member.size();
        for (int leaf = member.rank() * own; leaf < (member.rank() + 1) * own; leaf++) {
            differentiate(batch, leaf);
            if (own > 1) {
                optimizer.accumulate();
            }
        }
    }

    /** The gradients of a leaf, and its curvature if it has some. */
    void differentiate(int batch, int leaf) {
        fill(gradients, 100 * batch + leaf + 1, leaf, !curved);
        if (curved) {
            fill(curvatures, -(100 * batch + leaf + 1), leaf, true);
            for (int i = 0; i < parameters.size(); i++) {
                if (i != 1) {
                    parameters.get(i).curvature(curvatures.get(i).memory());
                }
            }
        }
    }

    /** With numbers of either sign and several magnitudes. */
    private void fill(List<BackendTensor> arrays, int seed, int leaf, boolean spoils) {
        int bits = seed;
        float scale = (1 << leaf % 5) * 0x1p-32f;
        for (var array : arrays) {
            var floats = new float[Math.toIntExact(array.elements())];
            for (int j = 0; j < floats.length; j++) {
                bits = 1_664_525 * bits + 1_013_904_223;
                floats[j] = bits * scale;
            }
            if (spoils && spoiled && leaf == LEAVES - 1 && array == arrays.getFirst()) {
                floats[17] = Float.NaN;
            }
            array.write(floats);
        }
    }

    /** A batch and a step. */
    void step(int batch) {
        differentiate(batch);
        optimizer.step();
    }

    /** What all members must have alike. */
    private List<String> outcome() {
        var report = optimizer.report();
        var found = new ArrayList<String>();
        found.add(
                "step %d, skipped %d, loss scale %s, norms %s, %s"
                        .formatted(
                                report.step(),
                                report.skipped(),
                                optimizer.lossScale(),
                                report.gradientNorm(),
                                report.updateNorm()));
        values.forEach(value -> found.add(hash(bytes(value))));
        outputs.forEach(output -> found.add(hash(bytes(output))));
        return found;
    }

    private List<byte[]> states() {
        var states = new ArrayList<byte[]>();
        for (var group : optimizer.groups()) {
            for (var parameter : group.parameters()) {
                for (var slot : group.rule().slots(parameter.shape())) {
                    if (slot.extent() == Slot.Extent.ELEMENT) {
                        var state = optimizer.state(parameter.name(), slot.name());
                        var bytes = new byte[Math.toIntExact(state.byteSize())];
                        state.read(0, MemorySegment.ofArray(bytes));
                        states.add(bytes);
                    }
                }
            }
        }
        return states;
    }

    private static byte[] bytes(BackendTensor tensor) {
        var floats = tensor.toArray();
        var bytes = new byte[floats.length * Float.BYTES];
        MemorySegment.ofArray(bytes).copyFrom(MemorySegment.ofArray(floats));
        return bytes;
    }

    private static String hash(byte[] bytes) {
        return Integer.toHexString(Arrays.hashCode(bytes));
    }

    @Override
    public void close() {
        optimizer.close();
        memory.close();
    }
}
