package org.panoptim.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.panoptim.Optimizer;
import org.panoptim.Snapshot;
import org.panoptim.backend.Backend;
import org.panoptim.memory.HostMemory;
import org.panoptim.parameter.Parameter;
import org.panoptim.parameter.Tensors;
import org.panoptim.rule.SGD;
import org.panoptim.safetensors.SafetensorsReader;
import org.panoptim.tensor.DimensionOrder;
import org.panoptim.tensor.Shape;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.List;

/** A checkpoint knows in which order a tensor's dimensions lie in memory. */
class CheckpointOrderTest {

    private static final SGD RULE = SGD.withLearningRate(1).withMomentum(0.5);

    @TempDir private Path folder;
    private final Backend backend = Backend.named("reference");

    @AfterEach
    void close() {
        backend.close();
    }

    private static Parameter parameter(Shape tensor, Integer... order) {
        var dimensions = new DimensionOrder(List.of(order));
        var elements = new float[(int) tensor.elements()];
        return Parameter.of(
                "w",
                dimensions.inMemory(tensor),
                dimensions,
                new HostMemory(MemorySegment.ofArray(elements)));
    }

    private Optimizer optimizer(Parameter parameter) {
        return Optimizer.builder(RULE).group("all", List.of(parameter)).backend(backend).build();
    }

    /** The file of an optimizer whose momentum is 0, 1, 2 and so on in the memory's order. */
    private Path saved(Parameter parameter) throws IOException {
        var file = folder.resolve("saved.safetensors");
        var gradient = new float[(int) parameter.elements()];
        for (int i = 0; i < gradient.length; i++) {
            gradient[i] = i;
        }
        try (var optimizer = optimizer(parameter)) {
            Tensors.gradient(parameter, gradient);
            optimizer.step();
            optimizer.save(file);
        }
        return file;
    }

    private static String groups(Path file) throws IOException {
        try (var reader = SafetensorsReader.open(file)) {
            return reader.metadata().get("groups");
        }
    }

    private void assertRefused(Path file, Parameter parameter, String saved, String now) {
        try (var optimizer = optimizer(parameter)) {
            var before = Snapshot.of(optimizer);
            assertThatThrownBy(() -> optimizer.load(file))
                    .isInstanceOf(CheckpointException.class)
                    .hasMessageContaining(
                            "parameter 'w': its dimensions lie in memory in the order " + now)
                    .hasMessageContaining("in the checkpoint in the order " + saved);
            assertThat(Snapshot.of(optimizer)).isEqualTo(before);
        }
    }

    private void assertTaken(Path file, Parameter parameter) throws IOException {
        try (var optimizer = optimizer(parameter)) {
            optimizer.load(file);
            assertThat(optimizer.state("w", "momentum_buffer").toArray()).startsWith(0, 1, 2, 3);
        }
    }

    @Test
    void statesOfChannelsLastWeightsAreRefusedForContiguousOnes() throws IOException {
        // The shapes in memory are equal, so that nothing but the order tells them apart.
        var tensor = Shape.of(4, 3, 3, 3);
        var file = saved(parameter(tensor, 0, 2, 3, 1));
        assertRefused(file, parameter(tensor, 0, 1, 2, 3), "[0, 2, 3, 1]", "[0, 1, 2, 3]");
        assertTaken(file, parameter(tensor, 0, 2, 3, 1));
    }

    @Test
    void statesOfContiguousWeightsAreRefusedForTransposedOnes() throws IOException {
        var file = saved(parameter(Shape.of(3, 3), 0, 1));
        assertRefused(file, parameter(Shape.of(3, 3), 1, 0), "[0, 1]", "[1, 0]");
        assertTaken(file, parameter(Shape.of(3, 3), 0, 1));
    }

    @Test
    void theOrderIsTheReasonAlsoWhereShapesInMemoryDiffer() throws IOException {
        var tensor = Shape.of(4, 3, 5, 7);
        var file = saved(parameter(tensor, 0, 2, 3, 1));
        assertRefused(file, parameter(tensor, 0, 1, 2, 3), "[0, 2, 3, 1]", "[0, 1, 2, 3]");
    }

    @Test
    void onePermutationIsNotAnother() throws IOException {
        var tensor = Shape.of(2, 2, 2);
        var file = saved(parameter(tensor, 2, 0, 1));
        assertRefused(file, parameter(tensor, 1, 2, 0), "[2, 0, 1]", "[1, 2, 0]");
    }

    @Test
    void ordersThatDifferInDimensionsOfSizeOneAreTheSame() throws IOException {
        var tensor = Shape.of(4, 3, 1, 1);
        var file = saved(parameter(tensor, 0, 2, 3, 1));
        assertThat(groups(file)).doesNotContain("dim_order");
        assertTaken(file, parameter(tensor, 0, 1, 2, 3));
    }

    @Test
    void onlyAnOrderThatIsNotContiguousIsWritten() throws IOException {
        assertThat(groups(saved(parameter(Shape.of(2, 3), 0, 1))))
                .contains("\"shape\":[2,3],\"dtype\"");
        assertThat(groups(saved(parameter(Shape.of(2, 3), 1, 0))))
                .contains("\"shape\":[3,2],\"dim_order\":[1,0],\"dtype\"");
    }

    @Test
    void aFileOfAnotherRankIsRefusedForItsShape() throws IOException {
        var file = saved(parameter(Shape.of(2, 2, 2), 2, 1, 0));
        try (var optimizer = optimizer(parameter(Shape.of(4, 2), 0, 1))) {
            assertThatThrownBy(() -> optimizer.load(file))
                    .hasMessageContaining("parameter 'w': shape of the optimizer: [4, 2]");
        }
    }

    @Test
    void anOrderThatIsNoneIsRefused() throws IOException {
        var file = saved(parameter(Shape.of(2, 3), 1, 0));
        for (var wrong : List.of("[1,1]", "[0]", "[1,0,2]", "[4294967297,0]", "\"10\"")) {
            var edited = folder.resolve("edited.safetensors");
            new EditedCheckpoint(file).replace("groups", "[1,0]", wrong).write(edited);
            try (var optimizer = optimizer(parameter(Shape.of(2, 3), 1, 0))) {
                assertThatThrownBy(() -> optimizer.load(edited))
                        .as(wrong)
                        .isInstanceOf(CheckpointException.class)
                        .hasMessageContaining("metadata 'groups' cannot be read");
            }
        }
    }
}
