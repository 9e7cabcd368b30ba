package org.panoptim.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;
import static org.panoptim.parameter.Tensors.fitting;
import static org.panoptim.parameter.Tensors.gradient;
import static org.panoptim.parameter.Tensors.values;
import static org.panoptim.parameter.Tensors.vector;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.panoptim.Checkpoints;
import org.panoptim.Optimizer;
import org.panoptim.Snapshot;
import org.panoptim.backend.Backend;
import org.panoptim.logging.Logged;
import org.panoptim.memory.HostMemory;
import org.panoptim.parameter.Parameter;
import org.panoptim.parameter.ParameterGroup;
import org.panoptim.parameter.Tensors;
import org.panoptim.rule.AdamW;
import org.panoptim.rule.ElementUpdate;
import org.panoptim.rule.Lion;
import org.panoptim.rule.Normalized;
import org.panoptim.rule.Preparation;
import org.panoptim.rule.Rules;
import org.panoptim.rule.SGD;
import org.panoptim.rule.Slot;
import org.panoptim.rule.UpdateRule;
import org.panoptim.safetensors.SafetensorsReader;
import org.panoptim.schedule.Schedule;
import org.panoptim.spi.TestTransform;
import org.panoptim.step.LossScale;
import org.panoptim.tensor.Shape;
import org.panoptim.tensor.TestState;

import java.io.IOException;
import java.nio.channels.ClosedByInterruptException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;

/** What a checkpoint carries, and how it is written. */
class CheckpointTest {

    @TempDir private Path folder;

    private Path file() {
        return folder.resolve("checkpoint.safetensors");
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 1, 3, 4, 7})
    void theStepsAfterALoadHaveTheSameBits(int steps) throws IOException {
        try (var first = CheckpointModel.trained(steps);
                var second = new CheckpointModel()) {
            first.optimizer.save(file());
            second.optimizer.load(file());
            second.copyParameters(first);
            assertSame(first, second);
            for (int step = steps + 1; step <= steps + 6; step++) {
                first.step(step);
                second.step(step);
                assertSame(first, second);
                assertThat(second.optimizer.report()).isEqualTo(first.optimizer.report());
            }
        }
    }

    private static void assertSame(CheckpointModel first, CheckpointModel second) {
        var one = Snapshot.of(first.optimizer);
        var two = Snapshot.of(second.optimizer);
        assertThat(two.trained()).isEqualTo(one.trained());
        assertThat(two.report().counts()).isEqualTo(one.report().counts());
        assertThat(two.report().step()).isEqualTo(one.report().step());
        assertThat(two.report().skipped()).isEqualTo(one.report().skipped());
        assertThat(second.optimizer.lossScale()).isEqualTo(first.optimizer.lossScale());
        assertThat(second.schedule.state()).isEqualTo(first.schedule.state());
    }

    @Test
    void theModelOfTheseTestsHasSomethingOfEverything() {
        try (var model = CheckpointModel.trained(7)) {
            var report = model.optimizer.report();
            assertThat(report.step()).isEqualTo(6);
            assertThat(report.skipped()).isEqualTo(1);
            assertThat(report.lossScale()).isNotEqualTo(8);
            assertThat(report.counts())
                    .isEqualTo(Map.of("weights", 6L, "empty", 0L, "bias", 6L, "scale", 4L));
            assertThat(model.schedule.factor(1)).isLessThan(1);
        }
    }

    @Test
    void hyperParametersAndFrozenGroupsComeBack() throws IOException {
        var changed = CheckpointModel.MATRIX_RULE.withWeightDecay(0.25).withBetas(0.8, 0.99);
        try (var first = CheckpointModel.trained(2);
                var second = new CheckpointModel()) {
            first.optimizer.rule("matrices", changed);
            first.optimizer.learningRate("vectors", 0.7);
            first.optimizer.freeze("vectors");
            first.optimizer.save(file());
            second.optimizer.load(file());
            assertThat(second.optimizer.group("matrices").rule()).isEqualTo(changed);
            assertThat(second.optimizer.group("matrices").frozen()).isFalse();
            assertThat(second.optimizer.group("vectors").rule())
                    .isEqualTo(CheckpointModel.VECTOR_RULE.atLearningRate(0.7));
            assertThat(second.optimizer.group("vectors").frozen()).isTrue();
            var before = values(second.bias);
            second.step(1);
            assertThat(values(second.bias)).containsExactly(before);
        }
    }

    @Test
    void aFrozenGroupCanBeThawedAfterwards() throws IOException {
        try (var first = CheckpointModel.trained(2);
                var second = new CheckpointModel()) {
            first.optimizer.freeze("vectors");
            first.optimizer.save(file());
            second.optimizer.load(file());
            second.copyParameters(first);
            first.optimizer.unfreeze("vectors");
            second.optimizer.unfreeze("vectors");
            first.step(3);
            second.step(3);
            assertSame(first, second);
        }
    }

    @Test
    void aLoadTakesBackLaterChanges() throws IOException {
        try (var model = CheckpointModel.trained(3)) {
            var states = Snapshot.of(model.optimizer).trained();
            states.keySet().removeIf(name -> name.startsWith("value "));
            var groups = model.optimizer.groups();
            var schedule = model.schedule.state();
            model.optimizer.save(file());
            for (int step = 4; step < 8; step++) {
                model.step(step);
            }
            model.optimizer.learningRate("vectors", 9);
            model.optimizer.load(file());
            assertThat(Snapshot.of(model.optimizer).trained()).containsAllEntriesOf(states);
            assertThat(model.optimizer.groups()).isEqualTo(groups);
            assertThat(model.schedule.state()).isEqualTo(schedule);
            assertThat(model.optimizer.report().step()).isEqualTo(3);
        }
    }

    @Test
    void aGroupThatWasFrozenBeforeALoadStaysFrozen() throws IOException {
        try (var model = CheckpointModel.trained(3)) {
            model.optimizer.save(file());
            model.optimizer.freeze("matrices");
            model.optimizer.load(file());
            assertThat(model.optimizer.group("matrices").frozen()).isTrue();
            assertThat(model.optimizer.group("vectors").frozen()).isFalse();
        }
    }

    static Stream<UpdateRule> rules() {
        return Stream.concat(
                Rules.all().stream(),
                Stream.of(
                        SGD.withLearningRate(0.1).withMomentum(0.9).withNesterov(true),
                        AdamW.withLearningRate(0.1).withAmsgrad(true),
                        new Normalized(0.1, 0.9)));
    }

    @ParameterizedTest
    @MethodSource("rules")
    void everyRuleGoesOnAsBefore(UpdateRule rule) throws IOException {
        var one = fitting(rule, "p", 1, -2, 3);
        var two = fitting(rule, "p", 1, -2, 3);
        try (var backend = Backend.named("reference");
                var first = optimizer(rule, one, backend);
                var second = optimizer(rule, two, backend)) {
            train(first, one, rule, 1, 2);
            first.save(file());
            train(second, two, rule, 1, 2);
            // What happened in between is forgotten, but for the parameters.
            gradient(one, 0, 0, 0);
            first.step();
            first.load(file());
            ((HostMemory) one.value()).segment().copyFrom(((HostMemory) two.value()).segment());
            train(first, one, rule, 3, 5);
            train(second, two, rule, 3, 5);
            assertThat(Snapshot.of(first).trained()).isEqualTo(Snapshot.of(second).trained());
            assertThat(first.report()).isEqualTo(second.report());
        }
    }

    private static Optimizer optimizer(UpdateRule rule, Parameter parameter, Backend backend) {
        return Optimizer.builder(rule).group("all", List.of(parameter)).backend(backend).build();
    }

    private static void train(
            Optimizer optimizer, Parameter parameter, UpdateRule rule, int from, int to) {
        for (int step = from; step <= to; step++) {
            gradient(parameter, step, -0.5f, 1f / step);
            if (rule.takesCurvature() && step % 2 == 1) {
                Tensors.curvature(parameter, 0.01f, 0.02f, step);
            }
            optimizer.step();
        }
    }

    @Test
    void theFileIsSafetensorsWithPyTorchsNames() throws IOException {
        try (var model = CheckpointModel.trained(4)) {
            model.optimizer.save(file());
            try (var reader = SafetensorsReader.open(file())) {
                assertThat(reader.tensors().keySet())
                        .containsExactly(
                                "state/exp_avg/weights",
                                "state/exp_avg_sq/weights",
                                "state/max_exp_avg_sq/weights",
                                "state/exp_avg/empty",
                                "state/exp_avg_sq/empty",
                                "state/max_exp_avg_sq/empty",
                                "state/momentum_buffer/bias",
                                "state/momentum_buffer/scale");
                assertThat(reader.floats("state/exp_avg/weights"))
                        .containsExactly(model.optimizer.state("weights", "exp_avg").toArray());
                assertThat(reader.require("state/exp_avg/weights").shape()).containsExactly(2L, 3L);
                assertThat(reader.require("state/momentum_buffer/scale").shape()).isEmpty();
                assertThat(reader.metadata())
                        .containsEntry("format", "panoptim-optimizer-1")
                        .containsEntry("step", "3")
                        .containsEntry("skipped", "1")
                        .containsEntry("loss_scale.dynamic", "true")
                        .containsKeys("growth_tracker", "loss_scale", "schedule", "groups");
                assertThat(reader.metadata().get("groups"))
                        .contains("\"name\":\"matrices\"", "\"rule\":\"adamw\"", "\"lr\":\"0.1\"");
            }
        }
    }

    @Test
    void aFileWithoutChecksumsIsLoadedWithOneWarning() throws IOException {
        try (var model = CheckpointModel.trained(4);
                var resumed = new CheckpointModel()) {
            model.optimizer.save(file());
            new EditedCheckpoint(file()).withoutChecksums().write(file());
            var warnings = Logged.warnings(() -> resumed.optimizer.load(file()));
            assertThat(warnings)
                    .containsExactly(
                            "checkpoint "
                                    + file()
                                    + ": it has no checksums, so that damage may go unnoticed; a"
                                    + " file saved anew has them");
            assertThat(resumed.optimizer.report().step()).isEqualTo(3);
        }
    }

    @Test
    void aFileWithoutChecksumsIsRefusedIfTheyAreRequired() throws IOException {
        try (var model = CheckpointModel.trained(4);
                var resumed = new CheckpointModel()) {
            model.optimizer.save(file());
            new EditedCheckpoint(file()).withoutChecksums().write(file());
            assertThatThrownBy(() -> resumed.optimizer.load(file(), LoadOption.REQUIRE_CHECKSUMS))
                    .isInstanceOf(CheckpointException.class)
                    .hasMessage(
                            "checkpoint " + file() + ": it has no checksums, which are required");
            assertThat(resumed.optimizer.report().step()).isZero();
        }
    }

    @Test
    void aFileWithChecksumsIsLoadedWithoutAWarning() throws IOException {
        try (var model = CheckpointModel.trained(4);
                var resumed = new CheckpointModel()) {
            model.optimizer.save(file());
            assertThat(
                            Logged.warnings(
                                    () ->
                                            resumed.optimizer.load(
                                                    file(), LoadOption.REQUIRE_CHECKSUMS)))
                    .isEmpty();
            assertThat(resumed.optimizer.report().step()).isEqualTo(3);
        }
    }

    @Test
    void theSameStateMakesTheSameFile() throws IOException {
        try (var model = CheckpointModel.trained(3)) {
            model.optimizer.save(file());
            var first = Files.readAllBytes(file());
            model.optimizer.load(file());
            model.optimizer.save(file());
            assertThat(Files.readAllBytes(file())).isEqualTo(first);
        }
    }

    @Test
    void namesMayHoldAnyText() throws IOException {
        var name = "重み/\"quoted\"\\ {}[]:,\u2028 é";
        var parameter = vector(name, 1, 2);
        try (var backend = Backend.named("reference");
                var optimizer =
                        Optimizer.builder(Lion.defaults())
                                .group(name + "'s group", List.of(parameter))
                                .backend(backend)
                                .build()) {
            gradient(parameter, 1, -1);
            optimizer.step();
            var state = optimizer.state(name, "exp_avg").toArray();
            optimizer.save(file());
            optimizer.state(name, "exp_avg").set(0, 0);
            optimizer.load(file());
            assertThat(optimizer.state(name, "exp_avg").toArray()).containsExactly(state);
        }
    }

    static Stream<ParameterGroup> namesAndShapesMayBeAsLongAsOneLikes() {
        // Of a character that takes six in the file.
        var name = "\u2028".repeat(300_000);
        var ones = new long[600_000];
        Arrays.fill(ones, 1);
        var rule = SGD.withLearningRate(0.5);
        return Stream.of(
                new ParameterGroup(name, rule, List.of(vector("p", 1))),
                new ParameterGroup("all", rule, List.of(vector(name, 1))),
                new ParameterGroup("all", rule, List.of(Tensors.tensor("p", Shape.of(ones), 1))));
    }

    @ParameterizedTest(name = "{index}")
    @MethodSource
    void namesAndShapesMayBeAsLongAsOneLikes(ParameterGroup group) throws IOException {
        try (var backend = Backend.named("reference");
                var optimizer =
                        Optimizer.builder(SGD.defaults())
                                .group(group.name(), group.parameters(), group.rule())
                                .backend(backend)
                                .build()) {
            optimizer.save(file());
            optimizer.learningRate(group.name(), 2);
            optimizer.load(file());
            assertThat(optimizer.groups().getFirst().rule().learningRate()).isEqualTo(0.5);
        }
    }

    @Test
    void whatATransformKeepsAndSaysOfItselfComesBack() throws IOException {
        var transform = new TestTransform();
        var state = new TestState("factor", "layer");
        transform.states = List.of(state);
        transform.metadata = Map.of("kind", "test", "batches", "7");
        try (var backend = Backend.named("reference");
                var optimizer =
                        Optimizer.builder(SGD.defaults())
                                .group("all", List.of(vector("p", 1)))
                                .transform(transform)
                                .backend(backend)
                                .build()) {
            state.set(3);
            optimizer.save(file());
            state.set(0);
            transform.metadata = Map.of();
            optimizer.load(file());
            assertThat(state.toArray()).containsExactly(3);
            assertThat(transform.metadata).isEqualTo(Map.of("kind", "test", "batches", "7"));
        }
    }

    @Test
    void stepsBeyondThirtyTwoBitsAreCountedOn() throws IOException {
        var asked = new ArrayList<Long>();
        var parameter = vector("p", 1);
        var schedule =
                Schedule.of(
                        step -> {
                            asked.add(step);
                            return 1;
                        });
        try (var backend = Backend.named("reference");
                var optimizer =
                        Optimizer.builder(AdamW.withLearningRate(0.5).withWeightDecay(0))
                                .group("all", List.of(parameter))
                                .schedule(schedule)
                                .backend(backend)
                                .build()) {
            optimizer.save(file());
            new EditedCheckpoint(file())
                    .metadata("step", _ -> "1099511627776")
                    .replace("groups", "\"count\":0", "\"count\":1099511627776")
                    .write(file());
            optimizer.load(file());
            gradient(parameter, 2);
            optimizer.step();
            assertThat(optimizer.report().step()).isEqualTo((1L << 40) + 1);
            assertThat(optimizer.report().counts()).isEqualTo(Map.of("p", (1L << 40) + 1));
            assertThat(asked).containsExactly((1L << 40) + 1);
            // Both corrections are 1 by now: 0.5·0.1·2 / √(0.001·4).
            assertThat(values(parameter)[0])
                    .isCloseTo((float) (1 - 0.1 / Math.sqrt(0.004)), within(1e-6f));
        }
    }

    @Test
    void anOptimizerWithoutGroupsCanBeSaved() throws IOException {
        try (var backend = Backend.named("reference");
                var optimizer = Optimizer.builder(Lion.defaults()).backend(backend).build()) {
            optimizer.step();
            optimizer.save(file());
            optimizer.step();
            optimizer.load(file());
            assertThat(optimizer.report().step()).isEqualTo(1);
        }
    }

    @Test
    void aFixedLossScaleStaysTheOptimizersOwn() throws IOException {
        var parameter = vector("p", 1);
        try (var backend = Backend.named("reference")) {
            try (var scaled = scaled(parameter, LossScale.fixed(128), backend)) {
                scaled.save(file());
            }
            try (var other = scaled(parameter, LossScale.fixed(4), backend)) {
                other.load(file());
                assertThat(other.lossScale()).isEqualTo(4);
            }
        }
    }

    @Test
    void aDynamicLossScaleBeginsAnewAfterARunWithoutOne() throws IOException {
        var parameter = vector("p", 1);
        try (var backend = Backend.named("reference")) {
            for (var before : List.of(LossScale.none(), LossScale.fixed(1e-3))) {
                try (var plain = scaled(parameter, before, backend)) {
                    plain.step();
                    plain.save(file());
                }
                try (var dynamic = scaled(parameter, LossScale.dynamic(), backend)) {
                    dynamic.load(file());
                    assertThat(dynamic.lossScale()).isEqualTo(65536);
                    assertThat(dynamic.report().step()).isEqualTo(1);
                }
            }
        }
    }

    @Test
    void aGrowthTrackerBeyondAShorterIntervalStillGrows() throws IOException {
        var parameter = vector("p", 1);
        try (var backend = Backend.named("reference")) {
            try (var slow = scaled(parameter, new LossScale.Dynamic(2, 2, 0.5, 100), backend)) {
                for (int i = 0; i < 10; i++) {
                    gradient(parameter, 1);
                    slow.step();
                }
                slow.save(file());
            }
            try (var fast = scaled(parameter, new LossScale.Dynamic(2, 2, 0.5, 5), backend)) {
                fast.load(file());
                fast.step();
                assertThat(fast.lossScale()).isEqualTo(4);
            }
        }
    }

    private static Optimizer scaled(Parameter parameter, LossScale scale, Backend backend) {
        return Optimizer.builder(SGD.defaults())
                .group("all", List.of(parameter))
                .lossScale(scale)
                .backend(backend)
                .build();
    }

    @Test
    void aSaveThatFailsLeavesTheOldFileAndNothingElse() throws IOException {
        try (var model = CheckpointModel.trained(2)) {
            model.optimizer.save(file());
            var old = Files.readAllBytes(file());
            model.step(3);
            // An interrupted thread cannot write to a file channel.
            Thread.currentThread().interrupt();
            assertThatThrownBy(() -> model.optimizer.save(file()))
                    .isInstanceOf(ClosedByInterruptException.class);
            assertThat(Thread.interrupted()).isTrue();
            assertThat(Files.readAllBytes(file())).isEqualTo(old);
            try (var files = Files.list(folder)) {
                assertThat(files).containsExactly(file());
            }
        }
    }

    @Test
    void aFolderThatIsNotThereIsNamed() {
        var missing = folder.resolve("missing").resolve("checkpoint");
        try (var model = new CheckpointModel()) {
            assertThatThrownBy(() -> model.optimizer.save(missing))
                    .isInstanceOf(IOException.class)
                    .hasMessageContaining(missing.getParent().toString());
            assertThatThrownBy(() -> model.optimizer.load(missing))
                    .isInstanceOf(NoSuchFileException.class)
                    .hasMessage(
                            "%s: there is no checkpoint, neither a file nor the folder of a team;"
                                    + " there is no folder %s",
                            missing, missing.getParent());
            assertThatThrownBy(() -> Checkpoints.consolidate(missing.getParent(), missing))
                    .isInstanceOf(NoSuchFileException.class)
                    .hasMessage(missing.getParent() + ": there is no such folder");
        }
    }

    /** A rule that takes curvature if it is told to. */
    public record Curved(double learningRate, boolean curved) implements UpdateRule {

        @Override
        public String name() {
            return "curved";
        }

        @Override
        public Curved atLearningRate(double value) {
            return new Curved(value, curved);
        }

        @Override
        public boolean takesCurvature() {
            return curved;
        }

        @Override
        public List<Slot> slots() {
            return List.of();
        }

        @Override
        public ElementUpdate prepare(int phase, Preparation preparation) {
            return element -> element.parameter(element.parameter() - element.gradient());
        }
    }

    @Test
    void aLoadedRuleThatTakesCurvatureTakesItFromTheNextStepOn(@TempDir Path folder)
            throws IOException {
        var file = folder.resolve("curved");
        var p = gradient(vector("p", 1), 1);
        try (var backend = Backend.named("reference");
                var curved =
                        Optimizer.builder(new Curved(1, true))
                                .group("all", List.of(p))
                                .backend(backend)
                                .build();
                var plain =
                        Optimizer.builder(new Curved(1, false))
                                .group("all", List.of(p))
                                .backend(backend)
                                .build()) {
            curved.save(file);
            Tensors.curvature(p, 1);
            assertThatThrownBy(plain::step).hasMessageContaining("its rule takes none");

            plain.load(file);
            plain.step();

            assertThat(values(p)).containsExactly(0);
        }
    }
}
