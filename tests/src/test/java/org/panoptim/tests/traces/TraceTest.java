package org.panoptim.tests.traces;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Named;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.panoptim.backend.Backend;
import org.panoptim.rule.MatrixRule;
import org.panoptim.rule.Rules;
import org.panoptim.rule.Slot.Initial;
import org.panoptim.rule.UpdateRule;
import org.panoptim.simd.SimdBackend;
import org.panoptim.simd.SimdOptions;
import org.panoptim.simd.Tier;
import org.panoptim.tensor.DType;
import org.panoptim.tensor.Shape;
import org.panoptim.tensor.StateTensor;
import org.panoptim.testkit.trace.Replay;
import org.panoptim.testkit.trace.Trace;
import org.panoptim.tests.Project;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Function;
import java.util.stream.Stream;

/**
 * Every trace of {@code tests/traces} on every backend: the recorded run step by step, and the same
 * run in double precision at its end.
 */
class TraceTest {

    /** Rules recorded with the operations of ours, in the same order: equal to the bit. */
    private static final Set<String> SAME_ORDER =
            Set.of(
                    "sgd",
                    "lion",
                    "sophia-g",
                    "sophia-h",
                    "ada-fisher",
                    "adabound",
                    "adabelief",
                    "adopt",
                    "signum",
                    "lars",
                    "tiger",
                    "schedule-free-adamw",
                    "schedule-free-sgd");

    /** Options recorded with operations of their own; what goes with a rule is exact otherwise. */
    private static final Set<String> OTHER_ORDER = Set.of("clip_norm", "hypergradient");

    /** Rules that scale whole tensors by sums, so that all values share a sum's rounding. */
    private static final Set<String> SUMMING =
            Set.of("lamb", "prodigy", "swats", "novograd", "dadapt-adam", "dadapt-sgd");

    /** Sums of gradients of both signs, which cancel most. */
    private static final Set<String> FIRST_MOMENTS =
            Set.of(
                    "exp_avg",
                    "momentum_buffer",
                    "s",
                    "grad_avg",
                    "exp_avg_diff",
                    "exp_avg_fast",
                    "exp_avg_slow",
                    "mu");

    /** Rules with a state that is found from quotients of others, and overflows where these do. */
    private static final Map<String, String> OF_QUOTIENTS =
            Map.of(
                    "adadelta",
                    "acc_delta",
                    "rmsprop",
                    "momentum_buffer",
                    "laprop",
                    "exp_avg",
                    "adopt",
                    "exp_avg");

    // Adam has another order of operations than PyTorch, so the two agree to rounding. Measured
    // over these runs: 9.8e-7 for parameters, 1.2e-7 for states. The bounds can be as tight as
    // that, as our bits are the same on every machine.
    private static final Closeness RECORDED_PARAMETER = new Closeness(1e-6);
    private static final Closeness RECORDED_STATE = new Closeness(2e-7);

    // In another order than recorded, or of gradients that agc scales by what parameters, which are
    // as far off as said above, come to: 5.9e-7.
    private static final Closeness RECORDED_SUMMING_STATE = new Closeness(1e-6);

    // The quotient's two roots and its division are rounded in either program: 4.7e-7.
    private static final Closeness RECORDED_QUOTIENT = new Closeness(5e-7);

    // PyTorch multiplies twenty numbers in float, we in double: 2.4e-7.
    private static final Closeness RECORDED_NUMBER = new Closeness(3e-7);

    // Twenty steps, half a unit in the last place (6e-8) or less for each operation. Measured:
    // 9.1e-7 for parameters, 1.5e-6 for first moments, 4.4e-7 for the other states.
    private static final Closeness DOUBLE_PARAMETER = new Closeness(1e-6);
    private static final Closeness DOUBLE_FIRST_MOMENT = new Closeness(2e-6);
    private static final Closeness DOUBLE_STATE = new Closeness(5e-7);

    // Products of matrices are summed in float and in another order, of which each iteration makes
    // up to four times as much. Measured: 2.2e-6 recorded, 1.6e-6 in double.
    private static final Closeness RECORDED_MATRICES = new Closeness(3e-6);
    private static final Closeness DOUBLE_MATRICES = new Closeness(2e-6);

    private static final String ENDING = ".safetensors";

    /** All recorded runs. */
    private static List<Path> traces() {
        try (var files = Files.list(Project.root().resolve("tests/traces"))) {
            return files.filter(file -> file.toString().endsWith(ENDING)).sorted().toList();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static String name(Path trace) {
        return trace.getFileName().toString().replace(ENDING, "");
    }

    static Stream<Arguments> tracesAndBackends() {
        return onBackends(traces());
    }

    static Stream<Arguments> scheduleFreeTracesAndBackends() {
        return onBackends(
                traces().stream().filter(file -> name(file).startsWith("schedule-free")).toList());
    }

    private static Stream<Arguments> onBackends(List<Path> traces) {
        var tiers = SimdBackend.usableTiers().stream().map(Tier::label);
        return Stream.concat(Stream.of("reference"), tiers)
                .flatMap(
                        backend ->
                                traces.stream()
                                        .map(
                                                trace ->
                                                        Arguments.of(
                                                                Named.of(name(trace), trace),
                                                                backend)));
    }

    @ParameterizedTest(name = "{0} on {1}")
    @MethodSource("tracesAndBackends")
    void theRunIsTheRecordedOneAfterEveryStep(Path file, String name) throws IOException {
        var complaints = new ArrayList<String>();
        try (var trace = Trace.open(file);
                var backend = open(name);
                var replay = new Replay(trace, backend)) {
            boolean exact = isExact(trace);
            var parameter =
                    exact
                            ? Closeness.EXACT
                            : ofMatrices(trace) ? RECORDED_MATRICES : RECORDED_PARAMETER;
            for (int step = 1; step <= trace.steps(); step++) {
                replay.step(step);
                complaints.addAll(
                        parameters(replay, trace, "expect/" + step + "/param/", parameter));
            }
            complaints.addAll(parameters(replay, trace, "expect/param/", parameter));
            complaints.addAll(averages(replay, trace, "expect/ema/", parameter));
            complaints.addAll(
                    states(
                            replay,
                            trace,
                            "expect/",
                            state ->
                                    exact || ofMatrices(trace)
                                            ? Closeness.EXACT
                                            : recorded(trace, state)));
        }
        assertThat(complaints).isEmpty();
    }

    /** An error that the recorded program had too would show here. */
    @ParameterizedTest(name = "{0} on {1}")
    @MethodSource("tracesAndBackends")
    void theRunIsTheOneInDoublePrecisionButForRounding(Path file, String name) throws IOException {
        var complaints = new ArrayList<String>();
        try (var trace = Trace.open(file);
                var backend = open(name);
                var replay = new Replay(trace, backend)) {
            replay.run();
            // Where squares overflow in float, the run in double is another one.
            boolean overflows = name(file).endsWith("-overflow");
            if (!overflows) {
                var parameter = ofMatrices(trace) ? DOUBLE_MATRICES : DOUBLE_PARAMETER;
                complaints.addAll(parameters(replay, trace, "expect64/param/", parameter));
                complaints.addAll(averages(replay, trace, "expect64/ema/", DOUBLE_PARAMETER));
            }
            complaints.addAll(
                    states(
                            replay,
                            trace,
                            "expect64/",
                            state -> inDouble(trace.rule(), state, overflows)));
        }
        assertThat(complaints).isEmpty();
    }

    /** To where a rule is evaluated and back: x, which y and z tell, and then y to the bit. */
    @ParameterizedTest(name = "{0} on {1}")
    @MethodSource("scheduleFreeTracesAndBackends")
    void anEvaluationAfterEveryStepLeavesNoTrace(Path file, String name) throws IOException {
        try (var trace = Trace.open(file);
                var backend = open(name);
                var replay = new Replay(trace, backend)) {
            for (int step = 1; step <= trace.steps(); step++) {
                replay.step(step);
                var evaluated = replay.evaluated();

                assertThat(parameters(replay, trace, "expect/" + step + "/param/", Closeness.EXACT))
                        .isEmpty();
                for (var parameter : trace.parameters()) {
                    assertThat(evaluated.get(parameter))
                            .isEqualTo(average(trace, replay, parameter));
                }
            }
        }
    }

    /** x = y + (1 − 1/β) (z − y), which is y before the first step. */
    private static float[] average(Trace trace, Replay replay, String parameter) {
        var settings = Rules.settings(trace.rule());
        double beta = Double.parseDouble(settings.getOrDefault("beta1", settings.get("momentum")));
        var average = replay.value(parameter);
        var z = replay.state(parameter, "z").toArray();
        var weight = (float) (1 - 1 / beta);
        for (int i = 0; i < average.length && replay.count(parameter) > 0; i++) {
            average[i] = average[i] + weight * (z[i] - average[i]);
        }
        return average;
    }

    @Test
    void everyRuleHasTraces() throws IOException {
        var rules = new HashSet<String>();
        for (var file : traces()) {
            try (var trace = Trace.open(file)) {
                rules.add(trace.rule().name());
            }
        }
        assertThat(rules).containsAll(Rules.all().stream().map(UpdateRule::name).toList());
    }

    private static Backend open(String name) {
        return name.equals("reference")
                ? Backend.named(name)
                : SimdBackend.open(SimdOptions.defaults().withTier(Tier.labelled(name)));
    }

    private static List<String> parameters(
            Replay replay, Trace trace, String prefix, Closeness closeness) throws IOException {
        var complaints = new ArrayList<String>();
        for (var parameter : trace.parameters()) {
            var key = prefix + parameter;
            closeness
                    .complaint(trace.find(key).orElseThrow(), replay.value(parameter))
                    .ifPresent(text -> complaints.add(key + ": " + text));
        }
        return complaints;
    }

    private static List<String> averages(
            Replay replay, Trace trace, String prefix, Closeness closeness) throws IOException {
        var complaints = new ArrayList<String>();
        if (trace.configured().options().averages()) {
            for (var parameter : trace.parameters()) {
                var key = prefix + parameter;
                closeness
                        .complaint(trace.find(key).orElseThrow(), replay.average(parameter))
                        .ifPresent(text -> complaints.add(key + ": " + text));
            }
        }
        return complaints;
    }

    /**
     * Whose states have the recorded bits, and whose parameters come of products between phases.
     */
    private static boolean ofMatrices(Trace trace) {
        return trace.rule() instanceof MatrixRule;
    }

    private static boolean isExact(Trace trace) {
        return SAME_ORDER.contains(trace.rule().name())
                && Collections.disjoint(OTHER_ORDER, options(trace));
    }

    private static Set<String> options(Trace trace) {
        return trace.configured().options().settings().keySet();
    }

    private static boolean isOfQuotients(UpdateRule rule, StateTensor state) {
        return state.slot().equals(OF_QUOTIENTS.get(rule.name()));
    }

    private static Closeness inDouble(UpdateRule rule, StateTensor state, boolean overflows) {
        if (overflows && isOfQuotients(rule, state)) {
            return Closeness.NONE;
        }
        return FIRST_MOMENTS.contains(state.slot()) ? DOUBLE_FIRST_MOMENT : DOUBLE_STATE;
    }

    private static Closeness recorded(Trace trace, StateTensor state) {
        if (SUMMING.contains(trace.rule().name()) || options(trace).contains("agc")) {
            return RECORDED_SUMMING_STATE;
        }
        if (isOfQuotients(trace.rule(), state)) {
            return RECORDED_QUOTIENT;
        }
        return state.dtype() == DType.F64 ? RECORDED_NUMBER : RECORDED_STATE;
    }

    /**
     * Compares all states with their recordings.
     *
     * <p>A state of a parameter that never had a gradient must be what the rule lets it begin as.
     * It is recorded only if the recorded program makes states together with the optimizer, as
     * {@code torch.optim.Adagrad} does and most others do not; then it must be the recorded one
     * too. All other states of parameters must be recorded, and all that is recorded must be there;
     * a rule may keep more for itself than the recorded program does. Of what companions keep, that
     * is compared which is recorded.
     */
    private static List<String> states(
            Replay replay, Trace trace, String prefix, Function<StateTensor, Closeness> closeness)
            throws IOException {
        var complaints = new ArrayList<String>();
        var missing = new ArrayList<String>();
        missing.addAll(trace.names(prefix + "state/"));
        missing.addAll(trace.names(prefix + "rule/"));
        for (var state : replay.states()) {
            var values = values(state);
            var key = prefix + name(state);
            if (missing.remove(key)) {
                closeness
                        .apply(state)
                        .complaint(trace.find(key).orElseThrow(), values)
                        .ifPresent(text -> complaints.add(key + ": " + text));
            } else if (!state.isOfRule() && replay.count(state.parameter()) > 0) {
                complaints.add(key + " is not recorded");
            }
            if (!state.isOfRule() && replay.count(state.parameter()) == 0) {
                Closeness.EXACT
                        .complaint(beginning(trace, state), values)
                        .ifPresent(text -> complaints.add("beginning of " + key + ": " + text));
            }
        }
        for (var key : missing) {
            var state = companionState(replay, key.substring(prefix.length()));
            if (state.isEmpty()) {
                complaints.add(key + " is recorded, but nothing keeps it");
                continue;
            }
            closeness
                    .apply(state.get())
                    .complaint(trace.find(key).orElseThrow(), values(state.get()))
                    .ifPresent(text -> complaints.add(key + ": " + text));
        }
        return complaints;
    }

    /** What a companion keeps under the name that a recording gives it. */
    private static Optional<StateTensor> companionState(Replay replay, String name) {
        var parts = name.split("/", 3);
        try {
            return Optional.of(
                    parts[0].equals("rule")
                            ? replay.ruleState(parts[1])
                            : replay.state(parts[2], parts[1]));
        } catch (IllegalArgumentException _) {
            return Optional.empty();
        }
    }

    private static String name(StateTensor state) {
        return state.isOfRule()
                ? "rule/" + state.slot()
                : "state/" + state.slot() + "/" + state.parameter();
    }

    /** The values as recordings have them: numbers of a whole parameter or rule are rounded. */
    private static float[] values(StateTensor state) {
        return state.dtype() == DType.F64 ? new float[] {(float) state.value()} : state.toArray();
    }

    /** What the rule says that a state of a parameter begins as. */
    private static float[] beginning(Trace trace, StateTensor state) throws IOException {
        var slot =
                trace.rule().slots(new Shape(trace.shape(state.parameter()))).stream()
                        .filter(candidate -> candidate.name().equals(state.slot()))
                        .findFirst()
                        .orElseThrow();
        return switch (slot.initial()) {
            case Initial.Constant constant -> {
                var values = new float[Math.toIntExact(state.shape().elements())];
                Arrays.fill(values, (float) constant.value());
                yield values;
            }
            case Initial.ParameterValue _ -> trace.find("param/" + state.parameter()).orElseThrow();
            case Initial.None _ -> throw new AssertionError(state.slot() + " is no state");
        };
    }
}
