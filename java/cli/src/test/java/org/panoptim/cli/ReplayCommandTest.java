package org.panoptim.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.panoptim.rule.Rules;
import org.panoptim.rule.UpdateRule;
import org.panoptim.safetensors.SafetensorsReader;
import org.panoptim.testkit.trace.TraceOptions;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;

class ReplayCommandTest {

    @TempDir private Path folder;

    @Test
    void sgdWithMomentumIsReplayed() throws IOException {
        var trace =
                TraceBuilder.of("sgd", "lr=0.5,momentum=0.5", "2")
                        .tensor("param/w", 8, 8)
                        .tensor("grad/1/w", 2, 4)
                        .tensor("grad/2/w", 1, 0);

        replay(trace);

        // Momentum 2, 4 and then 2, 2.
        try (var result = SafetensorsReader.open(result())) {
            assertThat(result.tensors().keySet())
                    .containsExactly("param/w", "state/momentum_buffer/w");
            assertThat(result.floats("param/w")).containsExactly(8 - 1 - 1, 8 - 2 - 1);
            assertThat(result.floats("state/momentum_buffer/w")).containsExactly(2, 2);
            assertThat(result.metadata())
                    .isEqualTo(Map.of("rule", "sgd", "set", "lr=0.5,momentum=0.5", "steps", "2"));
        }
    }

    @Test
    void aParameterWithoutAGradientInAStepIsLeftAlone() throws IOException {
        var trace =
                TraceBuilder.of("sgd", "lr=1", "2")
                        .tensor("param/always", 0)
                        .tensor("param/late", 0)
                        .tensor("param/never", 7)
                        .tensor("grad/1/always", 1)
                        .tensor("grad/2/always", 2)
                        .tensor("grad/2/late", 4);

        replay(trace);

        try (var result = SafetensorsReader.open(result())) {
            assertThat(result.floats("param/always")).containsExactly(-3);
            assertThat(result.floats("param/late")).containsExactly(-4);
            assertThat(result.floats("param/never")).containsExactly(7);
        }
    }

    @Test
    void curvatureIsFoldedInOnItsSteps() throws IOException {
        var trace =
                TraceBuilder.of("sophia-g", "beta2=0.5,lr=0", "2")
                        .tensor("param/w", 1, 1)
                        .tensor("grad/1/w", 1, 1)
                        .tensor("hess/1/w", 2, 4)
                        .tensor("grad/2/w", 1, 1);

        replay(trace);

        try (var result = SafetensorsReader.open(result())) {
            assertThat(result.floats("state/hessian/w")).containsExactly(2, 8);
        }
    }

    @Test
    void aMovingAverageIsKeptOfEveryParameter() throws IOException {
        var trace =
                TraceBuilder.of("sgd", "lr=1,ema_decay=0.75", "3")
                        .tensor("param/late", 1)
                        .tensor("param/w", 8)
                        .tensor("grad/1/w", 4)
                        .tensor("grad/2/w", 2)
                        .tensor("grad/3/w", -4)
                        .tensor("grad/3/late", 4);

        replay(trace);

        // 8, 4, 2, 6: the average begins as what the first step comes to, and goes a quarter of the
        // way from then on.
        try (var result = SafetensorsReader.open(result())) {
            assertThat(result.floats("param/w")).containsExactly(6);
            assertThat(result.floats("ema/w")).containsExactly(4.125f);
            assertThat(result.floats("ema/late")).containsExactly(0);
        }
    }

    @Test
    void gradientsAreClippedTogether() throws IOException {
        var trace =
                TraceBuilder.of("sgd", "lr=1,clip_norm=2.5", "1")
                        .tensor("param/v", 0)
                        .tensor("param/w", 0)
                        .tensor("grad/1/v", 30)
                        .tensor("grad/1/w", -40);

        replay(trace);

        try (var result = SafetensorsReader.open(result())) {
            assertThat(result.floats("param/v")[0]).isCloseTo(-1.5f, within(1e-5f));
            assertThat(result.floats("param/w")[0]).isCloseTo(2, within(1e-5f));
        }
    }

    @Test
    void aScheduleFreeRuleHasWhereItIsTrainedAndWhereItIsEvaluated() throws IOException {
        var trace =
                TraceBuilder.of("schedule-free-sgd", "lr=1,momentum=0.5", "2")
                        .tensor("param/late", 3)
                        .tensor("param/w", 8)
                        .tensor("grad/1/w", 4)
                        .tensor("grad/2/w", 4);

        replay(trace);

        // z is 4, 0; x their average, 4, 2; y halfway between the two.
        try (var result = SafetensorsReader.open(result())) {
            assertThat(result.floats("state/z/w")).containsExactly(0);
            assertThat(result.floats("param/w")).containsExactly(1);
            assertThat(result.floats("eval/w")).containsExactly(2);
            // It has taken no step.
            assertThat(result.floats("eval/late")).containsExactly(3);
        }
    }

    @Test
    void otherRulesAreEvaluatedWhereTheyAreTrained() throws IOException {
        replay(good());

        try (var result = SafetensorsReader.open(result())) {
            assertThat(result.tensors().keySet()).containsExactly("param/w");
        }
    }

    @Test
    void shapesNamesWithSlashesEmptyTensorsAndScalarsPass() throws IOException {
        var trace =
                TraceBuilder.of("adamw", "", "1")
                        .tensor("param/block/0/weight", List.of(2L, 1L), 1, 2)
                        .tensor("param/empty", List.of(3L, 0L))
                        .tensor("param/scalar", List.of(), 5)
                        .tensor("grad/1/block/0/weight", List.of(2L, 1L), 1, 2)
                        .tensor("grad/1/empty", List.of(3L, 0L))
                        .tensor("expect/anything", 1.0);

        replay(trace);

        try (var result = SafetensorsReader.open(result())) {
            assertThat(result.require("param/block/0/weight").shape()).containsExactly(2L, 1L);
            assertThat(result.require("state/exp_avg/empty").shape()).containsExactly(3L, 0L);
            assertThat(result.floats("param/scalar")).containsExactly(5);
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"BF16", "I64", "BOOL", "F8_E4M3", "F4", "C64", "U32"})
    void furtherTensorsOfAnyTypeAreIgnored(String type) throws IOException {
        var file = good().write(folder.resolve("trace.safetensors"));
        replay(file);
        var expected = Files.readAllBytes(result());

        addTensor(file, "more/w", type);
        assertThat(replay(file).err()).isEmpty();
        assertThat(Files.readAllBytes(result())).isEqualTo(expected);

        addTensor(file, "grad/1/more", type);
        assertThat(replay(file).status()).isEqualTo(2);
    }

    /** Adds a tensor of eight bytes at the end of a file, which may be of a type that we lack. */
    private static void addTensor(Path file, String name, String type) throws IOException {
        var bytes = ByteBuffer.wrap(Files.readAllBytes(file)).order(ByteOrder.LITTLE_ENDIAN);
        int length = (int) bytes.getLong();
        var header = new String(bytes.array(), 8, length, StandardCharsets.UTF_8).strip();
        int end = bytes.capacity() - 8 - length;
        int elements =
                switch (type) {
                    case "BF16" -> 4;
                    case "U32" -> 2;
                    case "I64", "C64" -> 1;
                    case "F4" -> 16;
                    default -> 8;
                };
        var longer =
                (header.substring(0, header.length() - 1)
                                + ",\"%s\":{\"dtype\":\"%s\",\"shape\":[%d],\"data_offsets\":[%d,%d]}}"
                                        .formatted(name, type, elements, end, end + 8))
                        .getBytes(StandardCharsets.UTF_8);
        Files.write(
                file,
                ByteBuffer.allocate(8 + longer.length + end + 8)
                        .order(ByteOrder.LITTLE_ENDIAN)
                        .putLong(longer.length)
                        .put(longer)
                        .put(bytes.array(), 8 + length, end)
                        .array());
    }

    @Test
    void theSameReplayGivesTheSameBytes() throws IOException {
        var trace =
                TraceBuilder.of("lion", "", "1").tensor("param/w", 1, 2).tensor("grad/1/w", 3, -4);
        replay(trace);
        var first = Files.readAllBytes(result());

        replay(trace);

        assertThat(Files.readAllBytes(result())).isEqualTo(first);
    }

    @Test
    void metadataMustBeComplete() throws IOException {
        assertRefused(
                new TraceBuilder().metadata("steps", "1").tensor("param/w", 1),
                "metadata 'rule': expected the name of a rule, found none");
        assertRefused(
                new TraceBuilder().metadata("rule", "sgd").tensor("param/w", 1),
                "metadata 'steps': expected the number of steps, found none");
        assertRefused(
                TraceBuilder.of("quickest", "", "1"),
                "metadata 'rule': there is no rule 'quickest'; the rules are "
                        + String.join(", ", Rules.all().stream().map(UpdateRule::name).toList()));
        for (var steps : List.of("0", "-1", "2.0", "", "many", "99999999999999999999")) {
            assertRefused(
                    TraceBuilder.of("sgd", "", steps),
                    "metadata 'steps': expected a whole number of at least 1, found '"
                            + steps
                            + "'");
        }
    }

    @Test
    void settingsMustBeTheRules() throws IOException {
        assertRefused(
                TraceBuilder.of("lion", "momentum=0.9", "1"),
                "metadata 'set': lion has no setting momentum; it has lr, beta1, beta2,"
                        + " weight_decay, and every rule "
                        + String.join(", ", TraceOptions.names()));
        assertRefused(
                TraceBuilder.of("lion", "ema_decay=2", "1"),
                "metadata 'set': ema_decay: averaging: the decay must be in [0, 1], but is 2.0");
        assertRefused(
                TraceBuilder.of("sgd", "lr=fast", "1"),
                "metadata 'set': sgd: lr must be a number, in [0, 2^100], but is 'fast'");
        assertRefused(
                TraceBuilder.of("sgd", "lr=-1", "1"),
                "metadata 'set': sgd: lr must be in [0, 2^100], but is -1.0");
        assertRefused(
                TraceBuilder.of("sgd", "lr", "1"),
                "metadata 'set': expected key=value, found 'lr'");
        assertRefused(
                TraceBuilder.of("sgd", "lr=1,", "1"),
                "metadata 'set': expected key=value, found ''");
        assertRefused(
                TraceBuilder.of("sgd", "lr=1,lr=2", "1"),
                "metadata 'set': expected each key once, found 'lr' twice");
    }

    @Test
    void tensorsMustFitTheirParameter() throws IOException {
        assertRefused(
                TraceBuilder.of("sgd", "", "1").tensor("grad/1/w", 1),
                "tensors: expected param/NAME, found none");
        assertRefused(
                TraceBuilder.of("sgd", "", "1").tensor("param/", 1),
                "tensor \"param/\": expected a parameter's name after param/");
        assertRefused(
                TraceBuilder.of("sgd", "", "1").tensor("param/w", 1).tensor("grad/1/v", 1),
                "tensor \"grad/1/v\": there is no tensor 'param/v' that it could belong to");
        assertRefused(
                TraceBuilder.of("sgd", "", "1").tensor("param/w", 1).tensor("grad/1/w", 1, 2),
                "tensor \"grad/1/w\": expected the shape of its parameter, [1], found [2]");
        assertRefused(
                TraceBuilder.of("sgd", "", "1")
                        .tensor("param/w", List.of(2L, 3L), new float[6])
                        .tensor("grad/1/w", List.of(3L, 2L), new float[6]),
                "tensor \"grad/1/w\": expected the shape of its parameter, [2, 3], found [3, 2]");
        assertRefused(
                TraceBuilder.of("sgd", "", "1").tensor("param/w", 1.0),
                "tensor \"param/w\": expected dtype F32, found F64");
        assertRefused(
                TraceBuilder.of("sgd", "", "1").tensor("param/w", 1).tensor("grad/1/w", 1.0),
                "tensor \"grad/1/w\": expected dtype F32, found F64");
    }

    @Test
    void stepsMustBeInRangeAndEachHaveAGradient() throws IOException {
        for (var step : List.of("0", "3", "-1", "01", "+1", "one", "")) {
            assertRefused(
                    TraceBuilder.of("sgd", "", "2")
                            .tensor("param/w", 1)
                            .tensor("grad/" + step + "/w", 1),
                    "tensor \"grad/%s/w\": expected a step in 1…2, found '%s'"
                            .formatted(step, step));
        }
        assertRefused(
                TraceBuilder.of("sgd", "", "1").tensor("param/w", 1).tensor("grad/w", 1),
                "tensor \"grad/w\": expected a name of the form grad/STEP/NAME");
        assertRefused(
                TraceBuilder.of("sgd", "", "3")
                        .tensor("param/w", 1)
                        .tensor("grad/1/w", 1)
                        .tensor("grad/3/w", 1),
                "step 2: expected a gradient for one parameter at least, found none");
        assertRefused(
                TraceBuilder.of("sgd", "", Long.toString(Long.MAX_VALUE))
                        .tensor("param/w", 1)
                        .tensor("grad/1/w", 1),
                "step 2: expected a gradient for one parameter at least, found none");
    }

    @Test
    void curvatureMustHaveAUse() throws IOException {
        assertRefused(
                TraceBuilder.of("adamw", "", "1")
                        .tensor("param/w", 1)
                        .tensor("grad/1/w", 1)
                        .tensor("hess/1/w", 1),
                "tensor \"hess/1/w\": rule adamw takes no curvature");
        assertRefused(
                TraceBuilder.of("sophia-h", "", "1")
                        .tensor("param/w", 1)
                        .tensor("param/v", 1)
                        .tensor("grad/1/w", 1)
                        .tensor("hess/1/v", 1),
                "tensor \"hess/1/v\": there is no gradient in that step, so nothing would use the"
                        + " curvature");
        assertRefused(
                TraceBuilder.of("sophia-h", "", "1").tensor("param/w", 1).tensor("hess/1/w", 1),
                "step 1: expected a gradient for one parameter at least, found none");
    }

    @Test
    void whatCannotGoWithTheRuleIsRefused() throws IOException {
        assertRefused(
                TraceBuilder.of("schedule-free-sgd", "cautious=true", "1")
                        .tensor("param/w", 1)
                        .tensor("grad/1/w", 1),
                "metadata 'set': companion cautious cannot go with rule schedule-free-sgd as it is:"
                        + " a parameter's value must enter its step by decoupled weight decay"
                        + " alone");
    }

    @Test
    void aFileThatIsNoTraceIsRefused() throws IOException {
        var file = Files.writeString(folder.resolve("trace.safetensors"), "no trace");

        var invocation = replay(file);

        assertThat(invocation.status()).isEqualTo(2);
        assertThat(invocation.err()).startsWith("panoptim replay: " + file).hasLineCount(1);
    }

    @Test
    void textOfTheFileReachesTheTerminalInOneHarmlessLine() throws IOException {
        var file =
                TraceBuilder.of("\u001b[2J\n\u202e" + "x".repeat(5000), "", "1")
                        .write(folder.resolve("trace.safetensors"));

        assertThat(replay(file).err())
                .hasLineCount(1)
                .hasSizeLessThan(1100)
                .doesNotContain("\u001b", "\u202e")
                .contains("there is no rule ' [2J xxx")
                .endsWith("x…\n");
    }

    @Test
    void theResultMustHaveAPlace() throws IOException {
        var trace = good().write(folder.resolve("trace.safetensors"));
        var nowhere = folder.resolve("nowhere").resolve("out.safetensors");

        assertThat(Invocation.of("replay", trace, "--out", nowhere))
                .isEqualTo(
                        refusal(
                                "--out "
                                        + nowhere
                                        + ": there is no folder "
                                        + nowhere.getParent()));
        assertThat(Invocation.of("replay", trace, "--out", folder))
                .isEqualTo(refusal("--out " + folder + ": is a folder"));
        assertThat(Invocation.of("replay", trace, "--out", trace))
                .isEqualTo(refusal("--out " + trace + ": is the trace itself"));
        assertThat(Invocation.of("replay", trace))
                .isEqualTo(
                        refusal(
                                "Missing required option: '--out=OUT.safetensors' (see panoptim"
                                        + " replay --help)"));
    }

    @Test
    void aPipeGetsTheResultAndStaysAPipe() throws Exception {
        var trace = good().write(folder.resolve("trace.safetensors"));
        replay(trace);
        try (var pipe = Pipe.in(folder)) {
            var invocation =
                    Invocation.of("replay", trace, "--backend", "reference", "--out", pipe.path());

            assertThat(invocation.err()).isEmpty();
            assertThat(pipe.bytes()).isEqualTo(Files.readAllBytes(result()));
            assertThat(pipe.isPipe()).isTrue();
        }
    }

    @Test
    void theTargetOfADanglingLinkIsMade() throws IOException {
        var trace = good().write(folder.resolve("trace.safetensors"));
        var link = Files.createSymbolicLink(folder.resolve("link"), result().getFileName());

        assertThat(Invocation.of("replay", trace, "--backend", "reference", "--out", link).err())
                .isEmpty();

        assertThat(link).isSymbolicLink();
        assertThat(result()).isRegularFile();
    }

    @Test
    void aLinkIntoAFolderThatIsNotThereIsRefused() throws IOException {
        var trace = good().write(folder.resolve("trace.safetensors"));
        var link = Files.createSymbolicLink(folder.resolve("link"), Path.of("none", "out"));

        assertThat(Invocation.of("replay", trace, "--backend", "reference", "--out", link))
                .isEqualTo(
                        refusal(
                                "--out "
                                        + link
                                        + ": is a link into a folder that is not there: "
                                        + folder.resolve("none")));
    }

    @Test
    void anUnknownBackendIsRefused() throws IOException {
        var trace = good().write(folder.resolve("trace.safetensors"));

        var invocation = Invocation.of("replay", trace, "--backend", "abacus", "--out", result());

        assertThat(invocation.status()).isEqualTo(2);
        assertThat(invocation.err())
                .startsWith("panoptim replay: --backend: there is no backend 'abacus'; those on")
                .contains("reference")
                .hasLineCount(1);
        assertThat(result()).doesNotExist();
    }

    private static TraceBuilder good() {
        return TraceBuilder.of("sgd", "", "1").tensor("param/w", 1).tensor("grad/1/w", 1);
    }

    private void replay(TraceBuilder trace) throws IOException {
        var invocation = replay(trace.write(folder.resolve("trace.safetensors")));

        assertThat(invocation.err()).isEmpty();
        assertThat(invocation.status()).isZero();
        assertThat(invocation.out()).contains("on reference; wrote " + result());
    }

    private Invocation replay(Path trace) {
        return Invocation.of("replay", trace, "--backend", "reference", "--out", result());
    }

    private void assertRefused(TraceBuilder trace, String problem) throws IOException {
        var file = trace.write(folder.resolve("trace.safetensors"));

        assertThat(replay(file)).isEqualTo(refusal(file + ": " + problem));
        assertThat(result()).doesNotExist();
    }

    private static Invocation refusal(String message) {
        return new Invocation(2, "", "panoptim replay: " + message + "\n");
    }

    private Path result() {
        return folder.resolve("out.safetensors");
    }
}
