package org.panoptim.distributed;

import org.panoptim.Checkpoints;
import org.panoptim.Optimizer;
import org.panoptim.backend.Backend;
import org.panoptim.memory.HostMemory;
import org.panoptim.parameter.Parameter;
import org.panoptim.rule.AdamW;
import org.panoptim.rule.Rules;
import org.panoptim.safetensors.SafetensorsReader;
import org.panoptim.shard.Team;
import org.panoptim.step.LossScale;
import org.panoptim.tensor.Shape;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.UUID;
import java.util.function.UnaryOperator;

/** A small net and its optimizer, alone or a member's, of which one parameter has two units. */
final class Trainee implements AutoCloseable {

    private final Arena arena = Arena.ofShared();
    private final Backend backend = Backend.named("reference");
    private final List<Parameter> parameters =
            List.of(parameter("large", 65_536 + 5), parameter("small", 3), parameter("none", 0));
    final Optimizer optimizer;

    private Trainee(UnaryOperator<Optimizer.Builder<AdamW>> change) {
        optimizer =
                change.apply(
                                Optimizer.builder(Rules.adamW(0.1))
                                        .group("first", parameters.subList(0, 1))
                                        .group(
                                                "second",
                                                parameters.subList(1, 3),
                                                Rules.nAdam(0.01))
                                        .lossScale(new LossScale.Dynamic(8, 2, 0.5, 2))
                                        .backend(backend))
                        .build();
    }

    static Trainee alone() {
        return new Trainee(UnaryOperator.identity());
    }

    static Trainee of(Team member) {
        return new Trainee(builder -> builder.shards(member));
    }

    static Trainee of(Team member, int leaves) {
        return new Trainee(builder -> builder.shards(member, leaves));
    }

    private Parameter parameter(String name, long elements) {
        var bytes = elements * Float.BYTES;
        var parameter =
                Parameter.of(name, Shape.of(elements), new HostMemory(arena.allocate(bytes, 64)));
        parameter.gradient(new HostMemory(arena.allocate(bytes, 64)));
        return parameter;
    }

    /** Takes steps by gradients that follow from their numbers. */
    Trainee train(int... numbers) {
        for (int number : numbers) {
            for (var parameter : parameters) {
                var memory = (HostMemory) parameter.gradient().orElseThrow();
                for (long i = 0; i < parameter.elements(); i++) {
                    memory.segment().setAtIndex(ValueLayout.JAVA_FLOAT, i, number + (i % 7) / 8f);
                }
            }
            optimizer.step();
        }
        return this;
    }

    /** All that a checkpoint would have, as far as it is here. */
    Map<String, String> states() {
        var states = new TreeMap<String, String>();
        for (var group : optimizer.groups()) {
            states.put(group.name(), group.toString());
            for (var parameter : group.parameters()) {
                for (var slot : group.rule().slots(parameter.shape())) {
                    if (slot.isKept()) {
                        var state = optimizer.state(parameter.name(), slot.name());
                        var bytes = new byte[Math.toIntExact(state.byteSize())];
                        state.read(0, MemorySegment.ofArray(bytes));
                        states.put(slot.name() + " of " + parameter.name(), hash(bytes));
                    }
                }
            }
        }
        states.put("counts", optimizer.report().counts().toString());
        states.put("loss scale", "" + optimizer.lossScale());
        return states;
    }

    /** What a file or folder has, but for the number of leaves, which teams alone have. */
    static Map<String, String> contentOf(Path path) throws IOException {
        var file = path;
        if (Files.isDirectory(path)) {
            file = path.resolveSibling("one-" + UUID.randomUUID());
            Checkpoints.consolidate(path, file);
        }
        var content = new TreeMap<String, String>();
        try (var reader = SafetensorsReader.open(file)) {
            content.putAll(reader.metadata());
            content.remove("leaves");
            content.put("order", reader.tensors().keySet().toString());
            for (var tensor : reader.tensors().values()) {
                var bytes = new byte[Math.toIntExact(tensor.byteSize())];
                reader.read(tensor, MemorySegment.ofArray(bytes));
                content.put(tensor.name(), "" + tensor.dtype() + tensor.shape() + hash(bytes));
            }
        }
        return content;
    }

    /** What it would save. */
    Map<String, String> content(Path folder) throws IOException {
        var path = folder.resolve("content-" + UUID.randomUUID());
        optimizer.save(path);
        return contentOf(path);
    }

    private static String hash(byte[] bytes) {
        return Integer.toHexString(Arrays.hashCode(bytes));
    }

    @Override
    public void close() {
        optimizer.close();
        backend.close();
        arena.close();
    }

    /** Lets an exception of any kind be looked at beside results. */
    static Optional<Throwable> thrownBy(Saving saving) {
        try {
            saving.run();
            return Optional.empty();
        } catch (Throwable e) {
            return Optional.of(e);
        }
    }

    /** What may fail. */
    interface Saving {
        void run() throws Exception;
    }
}
