package org.panoptim;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.panoptim.parameter.Tensors.gradient;
import static org.panoptim.parameter.Tensors.values;
import static org.panoptim.parameter.Tensors.vector;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.panoptim.LBFGS.LineSearch;
import org.panoptim.backend.Backend;
import org.panoptim.checkpoint.CheckpointException;
import org.panoptim.checkpoint.LoadOption;
import org.panoptim.memory.HostMemory;
import org.panoptim.parameter.Parameter;
import org.panoptim.safetensors.SafetensorsReader;
import org.panoptim.safetensors.SafetensorsWriter;
import org.panoptim.tensor.DType;
import org.panoptim.tensor.DimensionOrder;
import org.panoptim.tensor.Shape;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** What L-BFGS saves is all that it needs to go on, and only its own is taken up. */
class LBFGSCheckpointTest {

    private static final int HISTORY = 3;

    private final Backend backend = Backend.named("reference");

    @TempDir Path folder;

    private Path file;

    @BeforeEach
    void name() {
        file = folder.resolve("lbfgs.safetensors");
    }

    @AfterEach
    void close() {
        backend.close();
    }

    private LBFGS optimizer(LineSearch search, Parameter... parameters) {
        return LBFGS.builder(List.of(parameters))
                .maxIterations(2)
                .maxEvaluations(20)
                .historySize(HISTORY)
                .lineSearch(search)
                .backend(backend)
                .build();
    }

    private static double rosenbrock(Parameter x) {
        double a = values(x)[0];
        double b = values(x)[1];
        double valley = b - a * a;
        gradient(x, (float) (-2 * (1 - a) - 400 * a * valley), (float) (200 * valley));
        return (1 - a) * (1 - a) + 100 * valley * valley;
    }

    private static void steps(LBFGS optimizer, Parameter x, int count) {
        for (int i = 0; i < count; i++) {
            optimizer.step(() -> rosenbrock(x));
        }
    }

    /** Of none, of some pairs, and of a history that is full. */
    @ParameterizedTest
    @EnumSource(LineSearch.class)
    void aRunThatIsResumedHasTheBitsOfOneThatIsNot(LineSearch search) throws IOException {
        for (int before : new int[] {0, 1, 4}) {
            var x = vector("x", -1.25f, 1);
            try (var optimizer = optimizer(search, x)) {
                steps(optimizer, x, before);
                optimizer.save(file);
                var resumed = vector("x", values(x));
                steps(optimizer, x, 2);
                try (var other = optimizer(search, resumed)) {
                    other.load(file);
                    steps(other, resumed, 2);
                    assertThat(values(resumed)).containsExactly(values(x));
                    assertThat(other.iterations()).isEqualTo(optimizer.iterations());
                    assertThat(other.evaluations()).isEqualTo(optimizer.evaluations());
                }
            }
        }
    }

    /** A load is of the whole: what the optimizer had learned is gone. */
    @Test
    void aHistoryOfItsOwnIsReplaced() throws IOException {
        var x = vector("x", -1.25f, 1);
        try (var optimizer = optimizer(LineSearch.STRONG_WOLFE, x)) {
            steps(optimizer, x, 1);
            optimizer.save(file);
            var there = values(x);
            steps(optimizer, x, 3);
            var expected = values(x);
            var again = vector("x", there);
            try (var other = optimizer(LineSearch.STRONG_WOLFE, again)) {
                steps(other, again, 2);
                set(again, there);
                other.load(file);
                steps(other, again, 3);
                assertThat(values(again)).containsExactly(expected);
            }
        }
    }

    private static void set(Parameter parameter, float[] values) {
        var memory = (HostMemory) parameter.value();
        memory.segment().copyFrom(MemorySegment.ofArray(values));
    }

    @Test
    void theFileHasPyTorchsNames() throws IOException {
        var x = vector("x", -1.25f, 1);
        try (var optimizer = optimizer(LineSearch.STRONG_WOLFE, x)) {
            steps(optimizer, x, 1);
            optimizer.save(file);
        }
        try (var reader = SafetensorsReader.open(file)) {
            assertThat(reader.tensors().keySet())
                    .containsExactly("d/x", "prev_flat_grad/x", "old_stps/0/x", "old_dirs/0/x");
            assertThat(reader.metadata().keySet())
                    .containsExactly(
                            "format", "n_iter", "func_evals", "t", "H_diag", "ys", "order/x");
            assertThat(reader.hasChecksums()).isTrue();
        }
    }

    private void refused(String message, Parameter into, int history) throws IOException {
        refused(message, List.of(into), history);
    }

    private void refused(String message, List<Parameter> into, int history) throws IOException {
        try (var optimizer = LBFGS.builder(into).historySize(history).backend(backend).build()) {
            assertThatThrownBy(() -> optimizer.load(file))
                    .isInstanceOf(CheckpointException.class)
                    .hasMessageContaining(message);
            assertThat(optimizer.iterations()).isZero();
        }
    }

    private void save() throws IOException {
        var x = vector("x", -1.25f, 1);
        try (var optimizer = optimizer(LineSearch.STRONG_WOLFE, x)) {
            steps(optimizer, x, 2);
            optimizer.save(file);
        }
    }

    @Test
    void aFileOfOtherParametersIsRefused() throws IOException {
        save();
        refused(
                "it is of other parameters: 'y' is not in the file; 'x' is not in the optimizer",
                vector("y", 1, 2),
                HISTORY);
        refused(
                "it is of other parameters: 'y' is not in the file",
                List.of(vector("x", 1, 2), vector("y", 1, 2)),
                HISTORY);
        refused("'d/x' must be F32[3], but is F32[2]", vector("x", 1, 2, 3), HISTORY);
        refused("it has a history of 3 pairs, more than the 2", vector("x", 1, 2), 2);
        var matrix =
                Parameter.of(
                        "x",
                        Shape.of(1, 2),
                        new DimensionOrder(List.of(0, 1)),
                        new HostMemory(MemorySegment.ofArray(new float[2])));
        refused("metadata 'order/x' must be '[0, 1]', but is '[0]'", matrix, HISTORY);
    }

    @Test
    void metadataThatIsNotItsOwnIsRefused() throws IOException {
        edited("format", "panoptim-optimizer-1", "must be 'panoptim-lbfgs-1'");
        edited("n_iter", "-1", "'n_iter' cannot be read: it is below 0");
        edited("func_evals", "many", "'func_evals' cannot be read");
        edited("t", "NaN", "'t' cannot be read: NaN is not finite");
        edited("ys", "1.0 2.0 Infinity", "'ys' cannot be read: Infinity is not finite");
        edited("ys", "1.0 2.0", "belongs to no state");
        edited("order/z", "[0]", "it is of other parameters: 'z' is not in the optimizer");
        edited("orders", "[0]", "metadata 'orders' is unknown");
    }

    private void edited(String key, String value, String message) throws IOException {
        save();
        var writer = new SafetensorsWriter().checksums();
        try (var reader = SafetensorsReader.open(file)) {
            Map<String, String> metadata = new LinkedHashMap<>(reader.metadata());
            metadata.put(key, value);
            writer.metadata(metadata);
            for (var info : reader.tensors().values()) {
                var floats = MemorySegment.ofArray(reader.floats(info.name()));
                writer.tensor(info.name(), DType.F32, info.shape(), floats);
            }
        }
        writer.write(file);
        refused(message, vector("x", 1, 2), HISTORY);
    }

    @Test
    void aDamagedFileIsRefused() throws IOException {
        save();
        var bytes = Files.readAllBytes(file);
        bytes[bytes.length - 2] ^= 1;
        Files.write(file, bytes);
        var x = vector("x", 1, 2);
        try (var optimizer = optimizer(LineSearch.NONE, x)) {
            assertThatThrownBy(() -> optimizer.load(file, LoadOption.REQUIRE_CHECKSUMS))
                    .isInstanceOf(IOException.class);
            assertThat(optimizer.iterations()).isZero();
        }
    }
}
