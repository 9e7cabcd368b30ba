package org.panoptim.tests;

import static org.assertj.core.api.Assertions.assertThat;

import org.panoptim.Checkpoints;
import org.panoptim.Optimizer;
import org.panoptim.safetensors.SafetensorsReader;
import org.panoptim.shard.Team;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.UnaryOperator;

/**
 * Saves and loads what members of a team have of a net that K-FAC preconditions, and compares what
 * follows.
 */
public final class KfacCheckpoints {

    /** The steps of a whole run; inverses are refreshed in every other accepted one. */
    private static final int STEPS = 8;

    private final Path folder;

    /** The parameters where each checkpoint was saved, which has none itself. */
    private final Map<Path, List<float[]>> kept = new ConcurrentHashMap<>();

    /** In a folder that is empty. */
    public KfacCheckpoints(Path folder) {
        this.folder = folder;
    }

    private static KfacNet net(String backend, UnaryOperator<Optimizer.Builder<?>> change) {
        return new KfacNet(backend, kfac -> kfac.warmNewton(1e-3), change);
    }

    static KfacNet net(String backend, Team member) {
        return net(backend, builder -> builder.shards(member, KfacNet.LEAVES));
    }

    static <T> T onAll(int members, KfacNet.Work<T> work) throws Exception {
        var found = KfacNet.onAll(members, work);
        assertThat(found).as("what members have").containsOnly(found.getFirst());
        return found.getFirst();
    }

    /** A run of a team that saves after some step, and goes on. */
    List<List<String>> whole(String backend, int members, int saved, Path target) throws Exception {
        return onAll(
                members,
                member -> {
                    var after = new ArrayList<List<String>>();
                    try (var net = net(backend, member)) {
                        for (int step = 0; step < STEPS; step++) {
                            net.step(member, step);
                            after.add(net.hashes());
                            if (step + 1 == saved) {
                                net.optimizer.save(target);
                                if (member.rank() == 0) {
                                    kept.put(target, net.values());
                                }
                            }
                        }
                        net.optimizer.save(end(target));
                        return after;
                    }
                });
    }

    private static Path end(Path path) {
        return path.resolveSibling(path.getFileName() + "-end");
    }

    /** The rest of it, by a team that loads a checkpoint. */
    List<List<String>> goOn(String backend, int members, int from, Path source, Path target)
            throws Exception {
        return onAll(
                members,
                member -> {
                    var after = new ArrayList<List<String>>();
                    try (var net = net(backend, member)) {
                        net.optimizer.load(source);
                        net.values(kept.get(source));
                        for (int step = from; step < STEPS; step++) {
                            net.step(member, step);
                            after.add(net.hashes());
                        }
                        net.optimizer.save(target);
                        return after;
                    }
                });
    }

    byte[] consolidated(Path checkpoint) throws IOException {
        var file = checkpoint.resolveSibling(checkpoint.getFileName() + "-file");
        Checkpoints.consolidate(checkpoint, file);
        return Files.readAllBytes(file);
    }

    /**
     * Requires that what teams of some sizes save is the same, and that teams of these sizes go on
     * from it with the bits of the run that saved it. Steps 0 and 3 refresh inverses, since step 1
     * is refused, and then every other one: after 4 steps that was just done, and after 5 it lies a
     * step back.
     *
     * @param saved after how many steps
     */
    public void requireSameBits(String backend, int saved) throws Exception {
        var first = folder.resolve("first");
        var expected = whole(backend, 1, saved, first);
        var atSave = consolidated(first);
        var atEnd = consolidated(end(first));
        for (int saving : List.of(1, 2, 4)) {
            var source = folder.resolve("saved-by-" + saving);
            assertThat(whole(backend, saving, saved, source)).isEqualTo(expected);
            assertThat(consolidated(source)).as("saved by %d", saving).isEqualTo(atSave);
            for (int loading : List.of(1, 2, 4)) {
                var target = folder.resolve("from-%d-to-%d".formatted(saving, loading));
                assertThat(goOn(backend, loading, saved, source, target))
                        .as("saved by %d, loaded by %d", saving, loading)
                        .isEqualTo(expected.subList(saved, STEPS));
                assertThat(consolidated(target)).isEqualTo(atEnd);
            }
        }
    }

    /**
     * Steps without contributions, which a team adds up in another order than one process. One of
     * them refreshes inverses from the loaded factors.
     */
    private static List<List<String>> plainSteps(KfacNet net, Runnable differentiate) {
        var after = new ArrayList<List<String>>();
        for (int step = 0; step < 3; step++) {
            differentiate.run();
            net.optimizer.step();
            after.add(net.hashes());
        }
        return after;
    }

    private static void differentiateOwn(KfacNet net, Team member) {
        int own = KfacNet.LEAVES / member.size();
        for (int leaf = member.rank() * own; leaf < (member.rank() + 1) * own; leaf++) {
            net.differentiate(9, leaf);
            net.optimizer.accumulate();
        }
    }

    /** Requires that an optimizer without a team goes on as a team does that loads the same. */
    public void requireSameBitsWithoutATeam(String backend) throws Exception {
        var source = folder.resolve("saved");
        whole(backend, 2, 5, source);
        var file = folder.resolve("one-file");
        Checkpoints.consolidate(source, file);
        var expected =
                onAll(
                        2,
                        member -> {
                            try (var net = net(backend, member)) {
                                net.optimizer.load(source);
                                net.values(kept.get(source));
                                return plainSteps(net, () -> differentiateOwn(net, member));
                            }
                        });
        for (var from : List.of(source, file)) {
            try (var net = net(backend, builder -> builder)) {
                net.optimizer.load(from);
                net.values(kept.get(source));
                net.optimizer.save(folder.resolve("alone"));
                assertThat(content(folder.resolve("alone"))).isEqualTo(content(file));

                assertThat(plainSteps(net, () -> net.differentiate(9))).isEqualTo(expected);
                assertThat(net.kfac.report()).as("of a refresh").isPresent();
            }
        }
    }

    /** Requires that what a backend saves another one loads, and saves again. */
    public void requireSameStates(String saving, String loading) throws Exception {
        var source = folder.resolve("saved");
        var target = folder.resolve("again");
        whole(saving, 2, 5, source);
        onAll(
                4,
                member -> {
                    try (var net = net(loading, member)) {
                        net.optimizer.load(source);
                        net.optimizer.save(target);
                        return net.optimizer.report().step();
                    }
                });

        assertThat(withoutTraces(target)).isEqualTo(withoutTraces(source));
    }

    /** All but the traces of averages, which each backend takes by itself. */
    private Map<String, String> withoutTraces(Path checkpoint) throws IOException {
        var file = folder.resolve(checkpoint.getFileName() + "-one");
        Checkpoints.consolidate(checkpoint, file);
        var content = content(file);
        content.replaceAll(
                (key, value) ->
                        key.startsWith("transform.layer.")
                                ? value.replaceFirst(" [^ ]+ [^ ]+$", "")
                                : value);
        return content;
    }

    /** Requires that a team goes on as an optimizer without one does that it loads from. */
    public void requireSameBitsOfAFile(String backend) throws Exception {
        var file = folder.resolve("alone");
        List<float[]> values;
        List<List<String>> expected;
        try (var net = net(backend, builder -> builder)) {
            for (int step = 0; step < 2; step++) {
                net.contribute(step, 0);
                net.differentiate(step, 0);
                net.optimizer.step();
            }
            net.optimizer.save(file);
            values = net.values();
            expected = plainSteps(net, () -> net.differentiate(9));
        }
        for (int members : List.of(1, 4)) {
            var target = folder.resolve("of-" + members);
            var found =
                    onAll(
                            members,
                            member -> {
                                try (var net = net(backend, member)) {
                                    net.optimizer.load(file);
                                    net.values(values);
                                    net.optimizer.save(target);
                                    return plainSteps(net, () -> differentiateOwn(net, member));
                                }
                            });

            assertThat(found).isEqualTo(expected);
            Checkpoints.consolidate(target, folder.resolve("back"));
            assertThat(content(folder.resolve("back"))).isEqualTo(content(file));
        }
    }

    /** All that a file has but the number of leaves, which is that of teams alone. */
    static Map<String, String> content(Path file) throws IOException {
        try (var reader = SafetensorsReader.open(file)) {
            var content = new LinkedHashMap<>(reader.metadata());
            content.remove("leaves");
            content.put("order", reader.tensors().keySet().toString());
            for (var tensor : reader.tensors().values()) {
                var bytes = new byte[Math.toIntExact(tensor.byteSize())];
                reader.read(tensor, MemorySegment.ofArray(bytes));
                content.put(tensor.name(), tensor.shape() + " " + Arrays.hashCode(bytes));
            }
            return content;
        }
    }
}
