package org.panoptim.distributed;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.panoptim.Optimizer;
import org.panoptim.backend.Backend;
import org.panoptim.memory.HostMemory;
import org.panoptim.parameter.Parameter;
import org.panoptim.rule.Rules;
import org.panoptim.shard.Team;
import org.panoptim.spi.CurvatureTransform;
import org.panoptim.spi.DeviceStep;
import org.panoptim.spi.Execution;
import org.panoptim.spi.StepContext;
import org.panoptim.spi.StepPlan;
import org.panoptim.spi.WholeParameters;
import org.panoptim.tensor.DType;
import org.panoptim.tensor.Shape;
import org.panoptim.tensor.StateTensor;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.function.IntFunction;

/** What members of a team save of a transform, of which each has a part. */
class TeamTransformCheckpointTest {

    @TempDir private Path folder;

    /** Saves with a transform for each member; what each member says of that. */
    private List<Object> save(Path target, IntFunction<Part> parts) throws Exception {
        return Members.results(
                Members.team(2),
                member -> {
                    try (var trained =
                            new Trained(Optional.of(member), parts.apply(member.rank()))) {
                        trained.optimizer.save(target);
                        return "saved";
                    }
                });
    }

    @Test
    void aStateIsItsOwnersAndMetadataIsWhatAllSay() throws Exception {
        var target = folder.resolve("saved");
        var loaded = new TreeMap<String, String>();

        assertThat(
                        save(
                                target,
                                rank ->
                                        new Part(
                                                Map.of("both", "alike", "of " + rank, "a\nline"),
                                                rank == 1 ? 2 : 0,
                                                loaded)))
                .containsOnly("saved");
        try (var alone = new Trained(Optional.empty(), new Part(Map.of(), 2, loaded))) {
            alone.optimizer.load(target);
        }

        assertThat(loaded).isEqualTo(Map.of("both", "alike", "of 0", "a\nline", "of 1", "a\nline"));
    }

    @Test
    void nothingIsSavedWhereTwoMembersSayOtherThings() throws Exception {
        var target = folder.resolve("saved");

        assertThat(save(target, rank -> new Part(Map.of("both", "by " + rank), rank * 2, Map.of())))
                .allSatisfy(
                        thrown ->
                                assertThat((Throwable) thrown)
                                        .isInstanceOf(IllegalStateException.class)
                                        .hasMessage(
                                                "member 1 cannot save with those before it, since"
                                                        + " it has another 'transform.both'"));
        assertThat(target.resolve("index.safetensors")).doesNotExist();
    }

    @Test
    void norWhereTwoMembersHaveAState() throws Exception {
        assertNotSaved(rank -> new Part(Map.of(), 2, Map.of()), 16);
    }

    @Test
    void norWhereNobodyHasIt() throws Exception {
        assertNotSaved(rank -> new Part(Map.of(), 0, Map.of()), 0);
    }

    private void assertNotSaved(IntFunction<Part> parts, int bytes) throws Exception {
        var target = folder.resolve("saved");
        save(target, rank -> new Part(Map.of(), rank * 2, Map.of()));
        var before = Files.readAllBytes(target.resolve("index.safetensors"));

        assertThat(save(target, parts))
                .allSatisfy(
                        thrown ->
                                assertThat((Throwable) thrown)
                                        .isInstanceOf(IOException.class)
                                        .hasMessageContaining(
                                                "members have %d bytes of 'state/slot/layer' together, which has 8"
                                                        .formatted(bytes)));
        assertThat(target.resolve("index.safetensors")).hasBinaryContent(before);
    }

    /** A parameter and its optimizer with a transform, of a member or alone. */
    private static final class Trained implements AutoCloseable {

        final Arena arena = Arena.ofShared();
        final Backend backend = Backend.named("reference");
        final Optimizer optimizer;

        Trained(Optional<Team> member, Part part) {
            var value = new HostMemory(arena.allocate(4 * Float.BYTES, 64));
            var parameter = Parameter.of("w", Shape.of(4), value);
            var builder =
                    Optimizer.builder(Rules.sgd(1))
                            .group("all", List.of(parameter))
                            .transform(part.of(parameter))
                            .backend(backend);
            member.ifPresent(builder::shards);
            optimizer = builder.build();
        }

        @Override
        public void close() {
            optimizer.close();
            backend.close();
            arena.close();
        }
    }

    /**
     * A transform that does nothing, with one state of two elements.
     *
     * @param elements those of them that are here
     * @param restored gets the metadata that is loaded
     * @param parameters those whose owner has the state
     */
    private record Part(
            Map<String, String> metadata,
            int elements,
            Map<String, String> restored,
            List<Parameter> parameters)
            implements CurvatureTransform {

        Part(Map<String, String> metadata, int elements, Map<String, String> restored) {
            this(metadata, elements, restored, List.of());
        }

        Part of(Parameter parameter) {
            return new Part(metadata, elements, restored, List.of(parameter));
        }

        @Override
        public Optional<List<WholeParameters>> wholeParameters() {
            return Optional.of(List.of(new WholeParameters(parameters, 1)));
        }

        @Override
        public List<StateTensor> states() {
            return List.of(new Zeros(Shape.of(elements)));
        }

        @Override
        public List<Shape> stateShapes() {
            return List.of(Shape.of(2));
        }

        @Override
        public void checkMetadata(Map<String, String> loaded) {}

        @Override
        public void restore(Map<String, String> loaded) {
            restored.putAll(loaded);
        }

        @Override
        public void transform(StepContext step) {}

        @Override
        public void enqueue(DeviceStep step) {}

        @Override
        public void check(StepPlan plan) {}

        @Override
        public void follow(StepPlan plan, Execution execution) {}

        @Override
        public void release() {}

        @Override
        public boolean queuesOn(Execution execution) {
            return false;
        }
    }

    /** A state of zeros. */
    private record Zeros(Shape shape) implements StateTensor {

        @Override
        public String parameter() {
            return "layer";
        }

        @Override
        public String slot() {
            return "slot";
        }

        @Override
        public DType dtype() {
            return DType.F32;
        }

        @Override
        public void read(long offset, MemorySegment destination) {
            destination.fill((byte) 0);
        }

        @Override
        public void write(long offset, MemorySegment source) {}
    }
}
