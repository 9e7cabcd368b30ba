package org.panoptim.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowable;
import static org.panoptim.parameter.Tensors.gradient;
import static org.panoptim.parameter.Tensors.tensor;
import static org.panoptim.parameter.Tensors.vector;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.panoptim.Optimizer;
import org.panoptim.Snapshot;
import org.panoptim.backend.Backend;
import org.panoptim.backend.TestDevice;
import org.panoptim.parameter.Parameter;
import org.panoptim.parameter.ParameterGroup;
import org.panoptim.rule.Adam;
import org.panoptim.rule.AdamW;
import org.panoptim.rule.UpdateRule;
import org.panoptim.safetensors.SafetensorsException;
import org.panoptim.schedule.ReduceOnPlateau;
import org.panoptim.schedule.Schedule;
import org.panoptim.spi.UnsupportedPlanException;
import org.panoptim.tensor.DType;
import org.panoptim.tensor.Shape;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;

/** A file that is not this optimizer's checkpoint is refused, says why, and changes no byte. */
class CheckpointRefusalTest {

    @TempDir private static Path folder;
    private static byte[] saved;
    private static Path file;
    private CheckpointModel model;

    @BeforeAll
    static void save() throws IOException {
        file = folder.resolve("checkpoint.safetensors");
        try (var trained = CheckpointModel.trained(7)) {
            trained.optimizer.save(file);
        }
        saved = Files.readAllBytes(file);
    }

    @BeforeEach
    void build() throws IOException {
        Files.write(file, saved);
        model = CheckpointModel.trained(2);
        model.optimizer.freeze("vectors");
    }

    @AfterEach
    void close() {
        model.close();
    }

    private void assertRefused(String problem) {
        assertRefused(model.optimizer, problem);
    }

    private void assertRefused(Optimizer optimizer, String problem) {
        var before = Snapshot.of(optimizer);
        var schedule = model.schedule.state();
        assertThatThrownBy(() -> optimizer.load(file))
                .isInstanceOf(CheckpointException.class)
                .hasMessage("checkpoint " + file + ": " + problem);
        assertThat(Snapshot.of(optimizer)).isEqualTo(before);
        assertThat(model.schedule.state()).isEqualTo(schedule);
    }

    @Test
    void theFileAsItWasIsTaken() throws IOException {
        model.optimizer.load(file);
        assertThat(model.optimizer.report().step()).isEqualTo(6);
    }

    /** An optimizer that differs from the saved one in one point. */
    private void assertOtherRefused(
            String group,
            UpdateRule rule,
            List<Parameter> matrices,
            List<Parameter> vectors,
            String problem) {
        try (var backend = Backend.named("reference");
                var other =
                        Optimizer.builder(rule)
                                .group(group, matrices)
                                .group("vectors", vectors, CheckpointModel.VECTOR_RULE)
                                .schedule(new ReduceOnPlateau(0.5, 0, 1e-4, 1, 0))
                                .backend(backend)
                                .build()) {
            for (var parameter : matrices) {
                gradient(parameter, new float[Math.toIntExact(parameter.elements())]);
            }
            other.step();
            assertRefused(other, problem);
        }
    }

    private static Parameter weights(String name, long... shape) {
        return tensor(name, Shape.of(shape), 1, 2, 3, 4, 5, 6);
    }

    private final Parameter empty = tensor("empty", Shape.of(0, 4));
    private final List<Parameter> matrices = List.of(weights("weights", 2, 3), empty);
    private final List<Parameter> vectors =
            List.of(vector("bias", 1, 2), tensor("scale", Shape.of(), 1));
    private final AdamW rule = CheckpointModel.MATRIX_RULE;

    @Test
    void theSameGroupsBuiltAnewAreTaken() throws IOException {
        try (var backend = Backend.named("reference");
                var same =
                        Optimizer.builder(rule)
                                .group("matrices", matrices)
                                .group("vectors", vectors, CheckpointModel.VECTOR_RULE)
                                .schedule(new ReduceOnPlateau(0.5, 0, 1e-4, 1, 0))
                                .backend(backend)
                                .build()) {
            same.load(file);
            assertThat(same.report().counts())
                    .isEqualTo(Map.of("weights", 6L, "empty", 0L, "bias", 6L, "scale", 4L));
        }
    }

    @Test
    void aGroupOfAnotherNameIsRefused() {
        assertOtherRefused(
                "weights",
                rule,
                matrices,
                vectors,
                "group 1 of the optimizer: 'weights', of the checkpoint: 'matrices'");
    }

    @Test
    void aGroupMoreIsRefused() {
        model.optimizer.add(new ParameterGroup("more", rule, List.of()));
        assertRefused("group 3 of the optimizer: 'more', of the checkpoint: none");
    }

    @Test
    void aGroupLessIsRefused() {
        try (var backend = Backend.named("reference");
                var other =
                        Optimizer.builder(rule)
                                .group("matrices", matrices)
                                .backend(backend)
                                .build()) {
            assertRefused(other, "group 2 of the optimizer: none, of the checkpoint: 'vectors'");
        }
    }

    @Test
    void aParameterOfAnotherNameIsRefused() {
        assertOtherRefused(
                "matrices",
                rule,
                List.of(weights("weight", 2, 3), empty),
                vectors,
                "group 'matrices': parameter 1 of the optimizer: 'weight', of the checkpoint:"
                        + " 'weights'");
    }

    @Test
    void parametersInAnotherOrderAreRefused() {
        assertOtherRefused(
                "matrices",
                rule,
                List.of(empty, weights("weights", 2, 3)),
                vectors,
                "group 'matrices': parameter 1 of the optimizer: 'empty', of the checkpoint:"
                        + " 'weights'");
    }

    @Test
    void aParameterLessIsRefused() {
        assertOtherRefused(
                "matrices",
                rule,
                List.of(weights("weights", 2, 3)),
                vectors,
                "group 'matrices': parameter 2 of the optimizer: none, of the checkpoint: 'empty'");
    }

    @Test
    void aParameterInAnotherGroupIsRefused() {
        assertOtherRefused(
                "matrices",
                rule,
                List.of(weights("weights", 2, 3), empty, vectors.getFirst()),
                vectors.subList(1, 2),
                "group 'matrices': parameter 3 of the optimizer: 'bias', of the checkpoint: none");
    }

    @Test
    void anotherShapeOfAsManyElementsIsRefused() {
        assertOtherRefused(
                "matrices",
                rule,
                List.of(weights("weights", 3, 2), empty),
                vectors,
                "parameter 'weights': shape of the optimizer: [3, 2], of the checkpoint: [2, 3]");
    }

    @Test
    void anotherRuleWithTheSameStatesIsRefused() {
        assertOtherRefused(
                "matrices",
                Adam.withLearningRate(0.1).withAmsgrad(true),
                matrices,
                vectors,
                "group 'matrices': rule of the optimizer: adam, of the checkpoint: adamw");
    }

    @Test
    void theSameRuleWithFewerStatesIsRefused() {
        assertOtherRefused(
                "matrices",
                rule.withAmsgrad(false),
                matrices,
                vectors,
                "group 'matrices': states of the optimizer: [exp_avg, exp_avg_sq], of the"
                        + " checkpoint: [exp_avg, exp_avg_sq, max_exp_avg_sq]");
    }

    @Test
    void anOptimizerWhoseScheduleKeepsNoStateRefusesOne() {
        try (var backend = Backend.named("reference");
                var other =
                        Optimizer.builder(rule)
                                .group("matrices", matrices)
                                .group("vectors", vectors, CheckpointModel.VECTOR_RULE)
                                .backend(backend)
                                .build()) {
            assertRefused(
                    other,
                    "this schedule keeps no state, but was given "
                            + "{bad_epochs=0.0, best=0.0, cooldown=0.0, factor=0.125}");
        }
    }

    /** A schedule that breaks its promise about what it throws. */
    private static final class Brittle implements Schedule {

        double factor = 1;

        @Override
        public double factor(long step) {
            return factor;
        }

        @Override
        public Map<String, Double> state() {
            return Map.of("factor", factor);
        }

        @Override
        public void restore(Map<String, Double> state) {
            factor = 0;
            factor = state.get("factor");
            if (!state.keySet().equals(Map.of("factor", 0).keySet())) {
                throw new IndexOutOfBoundsException("of all things");
            }
        }
    }

    @Test
    void aScheduleThatFailsInItsOwnWayIsPutBack() {
        var schedule = new Brittle();
        try (var backend = Backend.named("reference");
                var other =
                        Optimizer.builder(rule)
                                .group("matrices", matrices)
                                .group("vectors", vectors, CheckpointModel.VECTOR_RULE)
                                .schedule(schedule)
                                .backend(backend)
                                .build()) {
            assertRefused(other, "of all things");
            assertThat(schedule.factor).isEqualTo(1);
        }
    }

    @Test
    void whereTheBackendCannotDoWhatTheFileSaysTheScheduleStaysAsItWas() {
        var schedule = new ReduceOnPlateau(0.5, 0, 1e-4, 1, 0);
        try (var device = new TestDevice();
                var other =
                        Optimizer.builder(rule)
                                .group("matrices", matrices)
                                .group("vectors", vectors, CheckpointModel.VECTOR_RULE)
                                .schedule(schedule)
                                .backend(device)
                                .build()) {
            var before = schedule.state();
            device.beforeConfigure =
                    () -> {
                        throw new UnsupportedPlanException(device.name(), "it is too small");
                    };
            assertThatThrownBy(() -> other.load(file))
                    .isInstanceOf(CheckpointException.class)
                    .hasMessageContainingAll(file.toString(), "it is too small");
            assertThat(schedule.state()).isEqualTo(before);

            device.beforeConfigure =
                    () -> {
                        throw new IllegalStateException("the device is lost");
                    };
            assertThatThrownBy(() -> other.load(file))
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessage("the device is lost");
            assertThat(schedule.state()).isEqualTo(before);
        }
    }

    @Test
    void aCheckpointWithATransformIsRefusedByAnOptimizerWithoutOne() throws IOException {
        new EditedCheckpoint(file).metadata("transform.kind", _ -> "other").write(file);
        assertRefused(
                "it was saved with a transform of gradients, which says [kind], and the optimizer"
                        + " has none; build it with that transform (Optimizer.Builder.transform) to"
                        + " load this file");
    }

    @Test
    void aStateThatIsMissingIsNamed() throws IOException {
        var edited = new EditedCheckpoint(file);
        edited.tensors.removeIf(tensor -> tensor.name().equals("state/exp_avg/weights"));
        edited.write(file);
        assertRefused("tensor 'state/exp_avg/weights' is absent");
    }

    @Test
    void aTensorTooManyIsNamed() throws IOException {
        var edited = new EditedCheckpoint(file);
        edited.tensors.add(
                new EditedCheckpoint.Tensor(
                        "state/exp_avg/bias", DType.F32, List.of(), new byte[4]));
        edited.write(file);
        assertRefused("tensor 'state/exp_avg/bias' belongs to no state");
    }

    @Test
    void aStateOfAnotherTypeIsNamed() throws IOException {
        new EditedCheckpoint(file)
                .tensors(
                        tensor ->
                                new EditedCheckpoint.Tensor(
                                        tensor.name(),
                                        tensor.name().endsWith("bias") ? DType.I32 : tensor.dtype(),
                                        tensor.shape(),
                                        tensor.bytes()))
                .write(file);
        assertRefused("tensor 'state/momentum_buffer/bias' must be F32[2], but is I32[2]");
    }

    @Test
    void aStateOfAnotherShapeIsNamed() throws IOException {
        new EditedCheckpoint(file)
                .tensors(
                        tensor ->
                                new EditedCheckpoint.Tensor(
                                        tensor.name(),
                                        tensor.dtype(),
                                        tensor.name().endsWith("avg/weights")
                                                ? List.of(6L)
                                                : tensor.shape(),
                                        tensor.bytes()))
                .write(file);
        assertRefused("tensor 'state/exp_avg/weights' must be F32[2, 3], but is F32[6]");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {"step", "skipped", "growth_tracker", "loss_scale", "schedule", "groups"})
    void metadataThatIsMissingIsNamed(String key) throws IOException {
        var edited = new EditedCheckpoint(file);
        edited.metadata.remove(key);
        edited.write(file);
        assertRefused("metadata '" + key + "' is absent");
    }

    @Test
    void metadataThatIsUnknownIsNamed() throws IOException {
        new EditedCheckpoint(file).metadata("crc32b", _ -> "").write(file);
        assertRefused("metadata 'crc32b' is unknown");
    }

    @ParameterizedTest
    @ValueSource(strings = {"groups", "schedule"})
    void metadataThatIsLongerThanItCanBeIsRefusedUnparsed(String key) throws IOException {
        new EditedCheckpoint(file).metadata(key, _ -> "[".repeat(3_000_000)).write(file);
        assertRefusedWith("metadata '" + key + "' has 3000000 characters, more than the ");
    }

    @ParameterizedTest
    @ValueSource(strings = {"groups", "schedule"})
    void metadataThatIsJustAsLongAsItMayBeIsParsed(String key) throws IOException {
        new EditedCheckpoint(file).metadata(key, _ -> "[".repeat(3_000_000)).write(file);
        var refusal = catchThrowable(() -> model.optimizer.load(file)).getMessage();
        int longest =
                Integer.parseInt(refusal.replaceAll("(?s).* more than the (\\d+) that .*", "$1"));

        new EditedCheckpoint(file).metadata(key, _ -> "[".repeat(longest + 1)).write(file);
        assertRefusedWith("metadata '" + key + "' has " + (longest + 1) + " characters, ");

        new EditedCheckpoint(file).metadata(key, _ -> "[".repeat(longest)).write(file);
        assertRefusedWith("metadata '" + key + "' cannot be read: expected ");
    }

    @Test
    void anotherFormatIsRefused() throws IOException {
        new EditedCheckpoint(file).metadata("format", _ -> "pt").write(file);
        assertRefused("metadata 'format' must be 'panoptim-optimizer-1', but is 'pt'");
        var edited = new EditedCheckpoint(file);
        edited.metadata.remove("format");
        edited.write(file);
        assertRefused("metadata 'format' must be 'panoptim-optimizer-1', but is absent");
    }

    static Stream<Arguments> badCounters() {
        return Stream.of(
                Arguments.of("step", "-1", "step must be from 0 to 2^62, but is -1"),
                Arguments.of("skipped", "-2", "skipped must be from 0 to 2^62, but is -2"),
                Arguments.of(
                        "growth_tracker", "-3", "growthTracker must be from 0 to 2^62, but is -3"),
                Arguments.of(
                        "step",
                        "9223372036854775807",
                        "step must be from 0 to 2^62, but is 9223372036854775807"),
                Arguments.of(
                        "skipped",
                        "4611686018427387905",
                        "skipped must be from 0 to 2^62, but is 4611686018427387905"),
                Arguments.of("step", "1.5", "metadata 'step' cannot be read: "),
                Arguments.of("step", "", "metadata 'step' cannot be read: "),
                Arguments.of("step", "99999999999999999999", "metadata 'step' cannot be read: "),
                Arguments.of("loss_scale", "x", "metadata 'loss_scale' cannot be read: "),
                Arguments.of(
                        "loss_scale", "0", "lossScale must be from 2^-126 to 2^126, but is 0.0"),
                Arguments.of(
                        "loss_scale", "NaN", "lossScale must be from 2^-126 to 2^126, but is NaN"),
                Arguments.of(
                        "loss_scale", "-1", "lossScale must be from 2^-126 to 2^126, but is -1.0"),
                Arguments.of(
                        "loss_scale",
                        "1e39",
                        "lossScale must be from 2^-126 to 2^126, but is 1.0E39"),
                Arguments.of(
                        "loss_scale.dynamic",
                        "perhaps",
                        "metadata 'loss_scale.dynamic' cannot be read: expected true or false, got"
                                + " 'perhaps'"));
    }

    @ParameterizedTest
    @MethodSource("badCounters")
    void countersOutOfRangeAreRefused(String key, String text, String problem) throws IOException {
        new EditedCheckpoint(file).metadata(key, _ -> text).write(file);
        assertRefusedWith(problem);
    }

    private void assertRefusedWith(String problem) {
        var before = Snapshot.of(model.optimizer);
        var schedule = model.schedule.state();
        assertThatThrownBy(() -> model.optimizer.load(file))
                .isInstanceOf(CheckpointException.class)
                .hasMessageStartingWith("checkpoint " + file + ": " + problem);
        assertThat(Snapshot.of(model.optimizer)).isEqualTo(before);
        assertThat(model.schedule.state()).isEqualTo(schedule);
    }

    /** What to replace in the groups' JSON, by what, and the problem. */
    static Stream<Arguments> badGroups() {
        var first = "\"name\":\"matrices\"";
        return Stream.of(
                Arguments.of(first, "\"name\":null", "expected STRING, found NULL at $[0].name"),
                Arguments.of(first, "\"name\":7", "expected STRING, found NUMBER at $[0].name"),
                Arguments.of(
                        first,
                        "\"nome\":\"matrices\"",
                        "expected 'name', found 'nome' at $[0].nome"),
                Arguments.of(
                        first + ",",
                        first + "," + first + ",",
                        "expected 'rule', found 'name' at $[0].name"),
                Arguments.of(
                        "\"rule\":\"adamw\"",
                        "\"rule\":{}",
                        "expected STRING, found BEGIN_OBJECT at $[0].rule"),
                Arguments.of(
                        "\"frozen\":false,", "", "expected 'frozen', found 'parameters' at $[0]"),
                Arguments.of(
                        "\"frozen\":false",
                        "\"frozen\":\"yes\"",
                        "expected BOOLEAN, found STRING at $[0].frozen"),
                Arguments.of(
                        "\"frozen\":false",
                        "\"frozen\":null",
                        "expected BOOLEAN, found NULL at $[0].frozen"),
                Arguments.of("\"frozen\":false", "\"frozen\":FALSE", ""),
                Arguments.of(
                        "\"count\":6}",
                        "\"count\":6,\"more\":1}",
                        "expected END_OBJECT, found NAME at $[0].parameters[0]"),
                Arguments.of(
                        "\"dtype\":\"F32\"",
                        "\"type\":\"F32\"",
                        "expected 'dtype', found 'type' at $[0].parameters[0]"),
                Arguments.of(
                        "\"shape\":[2,3],",
                        "\"shape\":[2,3],\"dim_order\":[1,\"0\"],",
                        "expected NUMBER, found STRING at $[0].parameters[0].dim_order[1]"),
                Arguments.of(
                        "\"count\":6", "\"count\":-6", "count must be from 0 to 2^62, but is -6"),
                Arguments.of(
                        "\"count\":6",
                        "\"count\":9223372036854775807",
                        "count must be from 0 to 2^62, but is 9223372036854775807"),
                Arguments.of(
                        ",\"count\":0}",
                        "}",
                        "expected NAME, found END_OBJECT at $[0].parameters[1]"),
                Arguments.of(
                        "\"count\":0",
                        "\"count\":null",
                        "expected NUMBER, found NULL at $[0].parameters[1].count"),
                Arguments.of(
                        "\"count\":0",
                        "\"count\":\"0\"",
                        "expected NUMBER, found STRING at $[0].parameters[1].count"),
                Arguments.of("\"count\":0", "\"count\":0.5", ""),
                Arguments.of("\"count\":0", "\"count\":1e99", ""),
                Arguments.of(
                        "\"shape\":[2,3]",
                        "\"shape\":null",
                        "expected BEGIN_ARRAY, found NULL at $[0].parameters[0].shape"),
                Arguments.of(
                        "\"shape\":[2,3]",
                        "\"shape\":[2,null]",
                        "expected NUMBER, found NULL at $[0].parameters[0].shape[1]"),
                Arguments.of(
                        "\"dtype\":\"F32\"",
                        "\"dtype\":[]",
                        "expected STRING, found BEGIN_ARRAY at $[0].parameters[0].dtype"),
                Arguments.of(
                        "\"lr\":\"0.1\"",
                        "\"lr\":null",
                        "expected STRING, found NULL at $[0].settings.lr"),
                Arguments.of(
                        "\"lr\":\"0.1\"",
                        "\"lr\":\"0.1\",\"lr\":\"0.2\"",
                        "expected 'lr' once, found it twice at $[0].settings.lr"),
                Arguments.of(
                        "[{\"name\":\"matrices\"",
                        "[null,{\"name\":\"matrices\"",
                        "expected BEGIN_OBJECT, found NULL at $[0]"),
                Arguments.of(
                        "[{\"name\":\"weights\"",
                        "[null,{\"name\":\"weights\"",
                        "expected BEGIN_OBJECT, found NULL at $[0].parameters[0]"));
    }

    @ParameterizedTest
    @MethodSource("badGroups")
    void groupsThatAreNotAsSavedAreRefused(String text, String by, String problem)
            throws IOException {
        new EditedCheckpoint(file).replace("groups", text, by).write(file);
        assertRefusedWith("metadata 'groups' cannot be read: " + problem);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "", " ", "null", "{}", "7", "[", "[[]]", "[{}]", "[]]", "[] []", "nul", "\u0000"
            })
    void groupsThatAreNoListAreRefused(String text) throws IOException {
        new EditedCheckpoint(file).metadata("groups", _ -> text).write(file);
        assertRefusedWith("metadata 'groups' cannot be read: ");
    }

    @ParameterizedTest
    @CsvSource({"groups, [", "groups, [{\"name\":", "schedule, [", "schedule, {\"a\":"})
    void deepNestingIsRefused(String key, String opening) throws IOException {
        new EditedCheckpoint(file).metadata(key, _ -> opening.repeat(100_000)).write(file);
        assertRefusedWith("metadata '" + key + "' cannot be read: expected ");
    }

    /** What to replace in the groups' JSON, by what, and the problem. */
    static Stream<Arguments> otherValues() {
        return Stream.of(
                Arguments.of(
                        "\"dtype\":\"F32\"",
                        "\"dtype\":\"BF16\"",
                        "parameter 'weights': dtype of the optimizer: F32, of the checkpoint:"
                                + " BF16"),
                Arguments.of(
                        "\"lr\":\"0.1\"",
                        "\"lr\":\"-0.1\"",
                        "group 'matrices': adamw: lr must be in [0, 2^100], but is -0.1"),
                Arguments.of(
                        "\"lr\":\"0.1\"",
                        "\"lr\":\"fast\"",
                        "group 'matrices': adamw: lr must be a number, in [0, 2^100], but is"
                                + " 'fast'"),
                Arguments.of(
                        "\"lr\":\"0.1\",",
                        "",
                        "group 'matrices': settings of the optimizer: [lr, beta1, beta2, eps,"
                                + " weight_decay, amsgrad, maximize], of the checkpoint: [beta1,"
                                + " beta2, eps, weight_decay, amsgrad, maximize]"),
                Arguments.of(
                        "\"lr\":\"0.1\"",
                        "\"lr\":\"0.1\",\"rho\":\"1\"",
                        "group 'matrices': settings of the optimizer: [lr, beta1, beta2, eps,"
                                + " weight_decay, amsgrad, maximize], of the checkpoint: [lr, rho,"
                                + " beta1, beta2, eps, weight_decay, amsgrad, maximize]"));
    }

    @ParameterizedTest
    @MethodSource("otherValues")
    void groupsThatDoNotFitAreRefused(String text, String by, String problem) throws IOException {
        new EditedCheckpoint(file).replace("groups", text, by).write(file);
        assertRefused(problem);
    }

    static Stream<Arguments> badSchedules() {
        var whole = "{\"bad_epochs\":\"0\",\"best\":\"0\",\"cooldown\":\"0\",\"factor\":\"0.25\"}";
        return Stream.of(
                Arguments.of(
                        whole.replace("\"0.25\"", "null"),
                        "metadata 'schedule' cannot be read: expected STRING, found NULL at"
                                + " $.factor"),
                Arguments.of(
                        whole.replace("0.25", "quarter"), "metadata 'schedule' cannot be read: "),
                Arguments.of("[]", "metadata 'schedule' cannot be read: "),
                Arguments.of(whole + "x", "metadata 'schedule' cannot be read: "),
                Arguments.of("{}", "reduceOnPlateau: state has factor, best, bad_epochs and"),
                Arguments.of(
                        whole.replace("0.25", "7"),
                        "reduceOnPlateau: factor must be in [0, 1], but is 7.0"),
                Arguments.of(
                        whole.replace("\"bad_epochs\":\"0\"", "\"bad_epochs\":\"-1\""),
                        "reduceOnPlateau: bad_epochs must be a whole number of at least 0, but is"
                                + " -1.0"));
    }

    @ParameterizedTest
    @MethodSource("badSchedules")
    void aScheduleThatIsNotAsSavedIsRefused(String text, String problem) throws IOException {
        new EditedCheckpoint(file).metadata("schedule", _ -> text).write(file);
        assertRefusedWith(problem);
    }

    @Test
    void textFromTheFileIsPrintedSafely() throws IOException {
        new EditedCheckpoint(file)
                .replace("groups", "matrices", "\\u001b[2J\\u202e" + "x".repeat(5000))
                .write(file);
        assertThatThrownBy(() -> model.optimizer.load(file))
                .isInstanceOf(CheckpointException.class)
                .hasMessageContaining("of the checkpoint: '?[2J?xxx")
                .hasMessageEndingWith("xxx …")
                .satisfies(e -> assertThat(e.getMessage()).hasSizeLessThan(1300));
    }

    @Test
    void aTruncatedFileIsRefusedWhereverItEnds() throws IOException {
        var whole = Files.readAllBytes(file);
        var before = Snapshot.of(model.optimizer);
        for (int length = 0; length < whole.length; length += length < 20 ? 1 : 29) {
            Files.write(file, Arrays.copyOf(whole, length));
            assertThatThrownBy(() -> model.optimizer.load(file))
                    .isInstanceOf(SafetensorsException.class)
                    .hasMessageContaining(file.toString());
        }
        assertThat(Snapshot.of(model.optimizer)).isEqualTo(before);
    }

    @Test
    void aFolderIsNoCheckpoint() {
        assertThatThrownBy(() -> model.optimizer.load(folder))
                .isInstanceOf(IOException.class)
                .hasMessageContaining(folder.toString());
    }
}
