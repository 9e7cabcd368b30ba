package org.panoptim.tests;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.panoptim.Checkpoints;
import org.panoptim.Optimizer;
import org.panoptim.backend.Backend;
import org.panoptim.distributed.LocalTeam;
import org.panoptim.memory.HostMemory;
import org.panoptim.parameter.Output;
import org.panoptim.parameter.Parameter;
import org.panoptim.rule.AdaptiveClip;
import org.panoptim.rule.Cautious;
import org.panoptim.rule.Centralize;
import org.panoptim.rule.Hypergradient;
import org.panoptim.rule.LookSAM;
import org.panoptim.rule.Lookahead;
import org.panoptim.rule.Rules;
import org.panoptim.rule.SAM;
import org.panoptim.rule.SVRG;
import org.panoptim.rule.UpdateRule;
import org.panoptim.safetensors.SafetensorsReader;
import org.panoptim.schedule.ReduceOnPlateau;
import org.panoptim.shard.Team;
import org.panoptim.step.Averaging;
import org.panoptim.step.LossScale;
import org.panoptim.tensor.DType;
import org.panoptim.tensor.Shape;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.concurrent.Callable;
import java.util.concurrent.Executors;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;

/**
 * What two members save after two steps goes on with the same bits in any number of members, in an
 * optimizer without a team, and on another backend.
 */
class SharedCheckpointTest {

    private static final int LEAVES = 8;
    private static final int STEPS = 4;
    private static final int SAVED_AFTER = 2;

    /** No team. */
    private static final int ALONE = 0;

    /** Of several units, of less than one, of none, and of whole ones. */
    private static final List<Shape> SHAPES =
            List.of(
                    Shape.of(200, 400),
                    Shape.of(5),
                    Shape.of(0),
                    Shape.of(129, 3),
                    Shape.of(65_536),
                    Shape.of(),
                    Shape.of(2, 40, 9),
                    Shape.of(11));

    @TempDir private Path folder;

    /** Takes a step once the first gradients are there; other ones can be asked for. */
    private interface Stepping {
        void step(Optimizer optimizer, int step, Runnable differentiate);

        Stepping PLAIN = (optimizer, _, _) -> optimizer.step();
    }

    static Stream<UpdateRule> rules() {
        return Rules.exact().stream().filter(rule -> !rule.name().equals("ada-fisher"));
    }

    @ParameterizedTest
    @MethodSource("rules")
    void everyRuleGoesOnFromACheckpointWithTheSameBits(UpdateRule rule) throws Exception {
        requireSame(new Training(rule, UnaryOperator.identity(), Stepping.PLAIN));
    }

    static Stream<UpdateRule> companions() {
        return Stream.of(
                Lookahead.defaults().withK(3),
                Cautious.ofUpdates(),
                new Centralize(),
                AdaptiveClip.defaults(),
                Hypergradient.defaults());
    }

    @ParameterizedTest
    @MethodSource("companions")
    void soDoCompanions(UpdateRule companion) throws Exception {
        requireSame(
                new Training(
                        Rules.adamW(1e-2),
                        builder -> builder.companion(companion),
                        Stepping.PLAIN));
    }

    @Test
    void soDoesSam() throws Exception {
        requireSame(
                new Training(
                        Rules.adamW(1e-2),
                        builder -> builder.companion(SAM.defaults()),
                        (optimizer, _, differentiate) -> {
                            optimizer.run(SAM.PERTURB);
                            differentiate.run();
                            optimizer.run(SAM.RESTORE);
                            optimizer.step();
                        }));
    }

    @Test
    void soDoesADirectionThatIsReused() throws Exception {
        requireSame(
                new Training(
                        Rules.adamW(1e-2),
                        builder -> builder.companion(new LookSAM(0.1, 4, 0.7)),
                        (optimizer, step, differentiate) -> {
                            if (step == 0) {
                                optimizer.run(LookSAM.PERTURB);
                                differentiate.run();
                                optimizer.run(LookSAM.RESTORE);
                            }
                            optimizer.step();
                        }));
    }

    @Test
    void soDoesASnapshot() throws Exception {
        requireSame(
                new Training(
                        Rules.sgd(1e-2).withMomentum(0.9),
                        builder -> builder.companion(new SVRG()),
                        (optimizer, step, differentiate) -> {
                            if (step == 0) {
                                optimizer.run(SVRG.SNAPSHOT);
                                differentiate.run();
                            }
                            optimizer.run(SVRG.VISIT);
                            optimizer.run(SVRG.LEAVE);
                            optimizer.run(SVRG.RECORD);
                            differentiate.run();
                            optimizer.step();
                        }));
    }

    @Test
    void soDoAveragesOfTheRule() throws Exception {
        requireSame(
                new Training(
                        Rules.scheduleFreeAdamW(1e-2),
                        UnaryOperator.identity(),
                        (optimizer, _, _) -> {
                            optimizer.step();
                            optimizer.run("eval");
                            optimizer.run("train");
                        }));
    }

    /** Where a training stands. */
    private record Position(Map<String, String> values, Map<String, String> checkpoint) {}

    private void requireSame(Training training) throws Exception {
        var whole = training.run("reference", 1, 0, STEPS, Optional.empty(), path("whole"));
        for (var saving : List.of("reference", "simd")) {
            var saved = path("saved-" + saving);
            training.run(saving, 2, 0, SAVED_AFTER, Optional.empty(), saved);
            for (var loading : List.of("reference", "simd")) {
                int onAnother = saving.equals("simd") ? 1 : 8;
                var sizes = loading.equals(saving) ? List.of(ALONE, 4) : List.of(onAnother);
                for (int members : sizes) {
                    var name = saving + "-" + loading + "-" + members;
                    assertThat(
                                    training.run(
                                            loading,
                                            members,
                                            SAVED_AFTER,
                                            STEPS,
                                            Optional.of(saved),
                                            path(name)))
                            .as(name)
                            .isEqualTo(whole);
                }
            }
        }
    }

    private Path path(String name) {
        return folder.resolve(name);
    }

    /** A member's net, of which every member has a copy. */
    private static final class Net {

        final List<Parameter> parameters = new ArrayList<>();
        final List<MemorySegment> memories = new ArrayList<>();
        final List<MemorySegment> gradients = new ArrayList<>();

        Net(Arena arena) {
            for (int i = 0; i < SHAPES.size(); i++) {
                var shape = SHAPES.get(i);
                var parameter = Parameter.of("p" + i, shape, new HostMemory(filled(arena, shape)));
                if (i % 3 == 0) {
                    var average = filled(arena, shape);
                    parameter =
                            parameter.averagedIn(new Output(DType.F32, new HostMemory(average)));
                }
                gradients.add(arena.allocate(shape.elements() * Float.BYTES, 64));
                parameter.gradient(new HostMemory(gradients.getLast()));
                parameters.add(parameter);
            }
        }

        private MemorySegment filled(Arena arena, Shape shape) {
            memories.add(arena.allocate(shape.elements() * Float.BYTES, 64));
            fill(memories.getLast(), memories.size(), 0x1p-31f);
            return memories.getLast();
        }

        /** The gradients of a leaf, of either sign and several magnitudes. */
        void differentiate(int number, int leaf) {
            int bits = 100 * number + leaf + 1;
            for (var gradient : gradients) {
                bits = fill(gradient, bits, (1 << leaf % 5) * 0x1p-32f);
            }
        }

        /** Fills an array with numbers between the same bounds, and says where they go on. */
        private static int fill(MemorySegment array, int from, float scale) {
            int bits = from;
            for (long j = 0; j < array.byteSize() / Float.BYTES; j++) {
                bits = 1_664_525 * bits + 1_013_904_223;
                array.setAtIndex(ValueLayout.JAVA_FLOAT, j, bits * scale);
            }
            return bits;
        }

        /** The mean of all leaves, as a team takes it: by adjacent pairs. */
        void differentiate(int number) {
            var sums = sums(number, 0, LEAVES);
            for (int i = 0; i < sums.size(); i++) {
                for (int j = 0; j < sums.get(i).length; j++) {
                    sums.get(i)[j] *= 1f / LEAVES;
                }
                gradients.get(i).copyFrom(MemorySegment.ofArray(sums.get(i)));
            }
        }

        private List<float[]> sums(int number, int first, int count) {
            if (count == 1) {
                differentiate(number, first);
                return gradients.stream().map(g -> g.toArray(ValueLayout.JAVA_FLOAT)).toList();
            }
            var left = sums(number, first, count / 2);
            var right = sums(number, first + count / 2, count / 2);
            for (int i = 0; i < left.size(); i++) {
                for (int j = 0; j < left.get(i).length; j++) {
                    left.get(i)[j] += right.get(i)[j];
                }
            }
            return left;
        }

        List<byte[]> bytes() {
            return memories.stream().map(each -> each.toArray(ValueLayout.JAVA_BYTE)).toList();
        }
    }

    /** A training of groups with a rule and another one, of which one is frozen from the start. */
    private static final class Training {

        private final UpdateRule rule;
        private final UnaryOperator<Optimizer.Builder<?>> change;
        private final Stepping stepping;

        /** The parameters and averages where the checkpoint was saved. */
        private List<byte[]> saved = List.of();

        Training(UpdateRule rule, UnaryOperator<Optimizer.Builder<?>> change, Stepping stepping) {
            this.rule = rule;
            this.change = change;
            this.stepping = stepping;
        }

        /**
         * Takes some steps, and saves.
         *
         * @param members of the team, or {@link #ALONE}
         * @param from the first step
         * @param source what is loaded before it
         */
        Position run(
                String backend, int members, int from, int to, Optional<Path> source, Path target)
                throws Exception {
            var values = new ArrayList<List<byte[]>>();
            if (members == ALONE) {
                values.add(steps(backend, Optional.empty(), from, to, source, target));
            } else {
                var team = LocalTeam.of(members, Duration.ofSeconds(60));
                try (var threads = Executors.newFixedThreadPool(members)) {
                    var tasks =
                            team.stream()
                                    .<Callable<List<byte[]>>>map(
                                            member ->
                                                    () ->
                                                            steps(
                                                                    backend,
                                                                    Optional.of(member),
                                                                    from,
                                                                    to,
                                                                    source,
                                                                    target))
                                    .toList();
                    for (var result : threads.invokeAll(tasks)) {
                        values.add(result.get());
                    }
                }
            }
            var hashes = values.stream().map(SharedCheckpointTest::hashes).distinct().toList();
            assertThat(hashes).as("what members have").hasSize(1);
            if (to == SAVED_AFTER) {
                saved = values.getFirst();
            }
            var file = target;
            if (members != ALONE) {
                file = target.resolveSibling(target.getFileName() + "-one");
                Checkpoints.consolidate(target, file);
            }
            return new Position(hashes.getFirst(), content(file));
        }

        private List<byte[]> steps(
                String backend,
                Optional<Team> member,
                int from,
                int to,
                Optional<Path> source,
                Path target)
                throws IOException {
            try (var arena = Arena.ofShared();
                    var opened = Backend.named(backend)) {
                var net = new Net(arena);
                var schedule = new ReduceOnPlateau(0.5, 0, 1e-4, 1, 0);
                var builder =
                        Optimizer.builder(rule)
                                .group("first", net.parameters.subList(0, 3))
                                .group("second", net.parameters.subList(3, 6), Rules.nAdam(1e-2))
                                .group("frozen", net.parameters.subList(6, 7))
                                .group("third", net.parameters.subList(7, 8))
                                .lossScale(new LossScale.Dynamic(8, 2, 0.5, 3))
                                .clipGlobalNorm(1)
                                .averaging(Averaging.exponential(0.9))
                                .schedule(schedule)
                                .zeroGradients(true)
                                .backend(opened);
                member.ifPresent(each -> builder.shards(each, LEAVES));
                try (var optimizer = change.apply(builder).build()) {
                    if (source.isPresent()) {
                        optimizer.load(source.get());
                        for (int i = 0; i < saved.size(); i++) {
                            net.memories.get(i).copyFrom(MemorySegment.ofArray(saved.get(i)));
                        }
                    } else {
                        optimizer.freeze("frozen");
                    }
                    for (int step = from; step < to; step++) {
                        var number = new int[] {10 * step};
                        Runnable differentiate =
                                () -> differentiate(net, optimizer, member, number[0]++);
                        differentiate.run();
                        stepping.step(optimizer, step, differentiate);
                        schedule.observe(1 + step % 3);
                    }
                    optimizer.save(target);
                    return net.bytes();
                }
            }
        }

        private static void differentiate(
                Net net, Optimizer optimizer, Optional<Team> member, int number) {
            if (member.isEmpty()) {
                net.differentiate(number);
                return;
            }
            int own = LEAVES / member.get().size();
            int first = member.get().rank() * own;
            for (int leaf = first; leaf < first + own; leaf++) {
                net.differentiate(number, leaf);
                if (own > 1) {
                    optimizer.accumulate();
                }
            }
        }
    }

    private static Map<String, String> hashes(List<byte[]> arrays) {
        var hashes = new TreeMap<String, String>();
        for (var array : arrays) {
            hashes.put("array " + hashes.size(), Integer.toHexString(Arrays.hashCode(array)));
        }
        return hashes;
    }

    /** All that a file has but the number of leaves, which is that of teams alone. */
    private static Map<String, String> content(Path file) throws IOException {
        var content = new TreeMap<String, String>();
        try (var reader = SafetensorsReader.open(file)) {
            content.putAll(reader.metadata());
            content.remove("leaves");
            content.put("order", reader.tensors().keySet().toString());
            for (var tensor : reader.tensors().values()) {
                var bytes = new byte[Math.toIntExact(tensor.byteSize())];
                reader.read(tensor, MemorySegment.ofArray(bytes));
                content.put(
                        tensor.name(),
                        "%s%s %08x"
                                .formatted(tensor.dtype(), tensor.shape(), Arrays.hashCode(bytes)));
            }
        }
        return content;
    }
}
