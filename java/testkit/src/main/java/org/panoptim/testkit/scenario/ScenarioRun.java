package org.panoptim.testkit.scenario;

import org.panoptim.Optimizer;
import org.panoptim.StepReport;
import org.panoptim.StepStatistics;
import org.panoptim.memory.Memory;
import org.panoptim.parameter.Output;
import org.panoptim.parameter.Parameter;
import org.panoptim.parameter.ParameterGroup;
import org.panoptim.rule.Slot;
import org.panoptim.rule.UpdateRule;
import org.panoptim.schedule.ReduceOnPlateau;
import org.panoptim.schedule.Schedule;
import org.panoptim.spi.StepContext;
import org.panoptim.step.CapturedStep;
import org.panoptim.step.NonFiniteGradientException;
import org.panoptim.tensor.DType;
import org.panoptim.testkit.BackendMemory;
import org.panoptim.testkit.BackendTensor;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SequencedMap;
import java.util.function.BiFunction;
import java.util.function.Function;
import java.util.stream.Stream;

/** A scenario running on one backend, with separate memory. */
public final class ScenarioRun implements AutoCloseable {

    private static final double AVERAGE_DECAY = 0.7;

    private final BackendUnderTest subject;
    private final BiFunction<Values, Integer, float[]> numbers;
    private final Scenario.Settings settings;
    private final List<UpdateRule> companions;
    private final BackendMemory memory;
    private final List<Tensor> tensors = new ArrayList<>();
    private final List<StepContext> transformed = new ArrayList<>();
    private String thrown = "nothing";
    private Schedule schedule;
    private Optimizer optimizer;
    private Optional<Capture> capture = Optional.empty();
    private int replays;

    /**
     * A captured step.
     *
     * @param gradients where those lie that it reads
     * @param curved whether it takes up curvature, as no other step may
     */
    private record Capture(CapturedStep step, List<Memory> gradients, boolean curved) {}

    /** A parameter with its memory. */
    private static final class Tensor {
        private final Parameter parameter;
        private final int group;
        private final BackendTensor value;
        private final SequencedMap<String, BackendTensor> outputs;
        private Optional<BackendTensor> gradient = Optional.empty();
        private int gradientOffset;
        private Optional<BackendTensor> curvature = Optional.empty();

        Tensor(
                Parameter parameter,
                int group,
                BackendTensor value,
                SequencedMap<String, BackendTensor> outputs) {
            this.parameter = parameter;
            this.group = group;
            this.value = value;
            this.outputs = outputs;
        }

        boolean hasIntactGuards() {
            return value.hasIntactGuards()
                    && outputs.values().stream().allMatch(BackendTensor::hasIntactGuards)
                    && gradient.map(BackendTensor::hasIntactGuards).orElse(true)
                    && curvature.map(BackendTensor::hasIntactGuards).orElse(true);
        }
    }

    /**
     * Makes a scenario's optimizer and parameters.
     *
     * @throws org.panoptim.spi.UnsupportedPlanException if the backend cannot run it
     */
    public ScenarioRun(Scenario scenario, BackendUnderTest subject) {
        this(scenario, subject, Values::floats);
    }

    /** The same, with numbers that several runs share. */
    ScenarioRun(
            Scenario scenario,
            BackendUnderTest subject,
            BiFunction<Values, Integer, float[]> numbers) {
        this.subject = subject;
        this.numbers = numbers;
        settings = scenario.settings();
        companions = scenario.companions();
        schedule = settings.schedule().make();
        memory = new BackendMemory(subject.backend());
        try {
            subject.beforeCalls().run();
            var builder = builder(scenario.groups().getFirst().rule());
            for (int i = 0; i < scenario.groups().size(); i++) {
                var group = scenario.groups().get(i);
                builder.group(groupName(i), allocate(i, group), group.rule());
            }
            optimizer = builder.build();
        } catch (RuntimeException | Error e) {
            memory.close();
            throw e;
        }
    }

    private Optimizer.Builder<UpdateRule> builder(UpdateRule rule) {
        var builder =
                Optimizer.builder(rule)
                        .schedule(schedule)
                        .lossScale(settings.lossScale())
                        .nonFinite(settings.policy())
                        .zeroGradients(settings.zeroGradients())
                        .flushStates(settings.flushing())
                        .statistics(settings.statistics())
                        .averageDecay(AVERAGE_DECAY)
                        .backend(subject.backend());
        companions.forEach(builder::companion);
        if (settings.halving()) {
            builder.transform(this::halve);
        }
        var clipping = settings.clipping();
        if (clipping.boundsValues()) {
            builder.clipValue(clipping.value());
        }
        if (!clipping.boundsNorms()) {
            return builder;
        }
        return switch (clipping.scope()) {
            case GLOBAL -> builder.clipGlobalNorm(clipping.norm());
            case GROUP -> builder.clipGroupNorm(clipping.norm());
            case PARAMETER -> builder.clipParameterNorm(clipping.norm());
        };
    }

    private void halve(StepContext step) {
        transformed.add(step);
        if (step.accepted()) {
            tensors.forEach(tensor -> tensor.gradient.ifPresent(ScenarioRun::halve));
        }
    }

    private static void halve(BackendTensor gradient) {
        var values = gradient.toArray();
        for (int i = 0; i < values.length; i++) {
            values[i] /= 2;
        }
        gradient.write(values);
    }

    private static String groupName(int index) {
        return "group " + index;
    }

    private List<Parameter> allocate(int groupIndex, Scenario.Group group) {
        var parameters = new ArrayList<Parameter>();
        for (var tensor : group.tensors()) {
            int index = tensors.size();
            var start = tensor.start().at(index);
            var types = tensor.types();
            var value = filled(types.value(), tensor.elements(), tensor.offset(), start);
            var name = "tensor " + index;
            var parameter = Parameter.of(name, tensor.shape(), types.value(), value.memory());
            var outputs = new LinkedHashMap<String, BackendTensor>();
            if (types.copy().isPresent()) {
                var type = types.copy().get();
                var copy = filled(type, tensor.elements(), tensor.offset() + 1, start);
                outputs.put("copy", copy);
                parameter = parameter.copiedTo(new Output(type, copy.memory()));
            }
            if (types.average().isPresent()) {
                var type = types.average().get();
                var average = filled(type, tensor.elements(), tensor.offset(), start);
                outputs.put("average", average);
                parameter = parameter.averagedIn(new Output(type, average.memory()));
            }
            tensors.add(new Tensor(parameter, groupIndex, value, outputs));
            parameters.add(parameter);
        }
        return parameters;
    }

    private BackendTensor filled(DType type, long elements, int offset, Values values) {
        var tensor = memory.allocate(type, elements, offset);
        tensor.write(numbers.apply(values, Math.toIntExact(elements)));
        return tensor;
    }

    /** Applies any action but saving; returns a legitimate exception as text, if any. */
    public Optional<String> apply(Scenario.Action action) {
        subject.beforeCalls().run();
        try {
            switch (action) {
                case Scenario.Step step -> step(step);
                case Scenario.Passes passes -> run(passes);
                case Scenario.Retune retune -> retune(retune);
                case Scenario.Rate rate -> optimizer.learningRate(group(rate.group()), rate.rate());
                case Scenario.Add add -> add(add.group());
                case Scenario.Freeze freeze when freeze.frozen() ->
                        optimizer.freeze(group(freeze.group()));
                case Scenario.Freeze freeze -> optimizer.unfreeze(group(freeze.group()));
                case Scenario.SetStates set -> setStates(set);
                case Scenario.ZeroGradients _ -> optimizer.zeroGrad();
                case Scenario.Observe observe -> observe(observe.metric());
                case Scenario.SaveAndSwap _ ->
                        throw new IllegalArgumentException("takes several runs");
            }
            thrown = "nothing";
            return Optional.empty();
        } catch (NonFiniteGradientException e) {
            thrown = e.toString();
            return Optional.of(thrown);
        }
    }

    private String group(int index) {
        return groupName(index % optimizer.groups().size());
    }

    private void supply(List<Scenario.Gradient> gradients) {
        for (int i = 0; i < tensors.size(); i++) {
            supply(tensors.get(i), gradients.get(i % gradients.size()), i);
        }
    }

    /** In other memory each time, but where a captured step reads it. */
    private void supplyFresh(Tensor tensor, Scenario.Gradient gradient, int index) {
        var values = gradient.values().at(index);
        long elements = tensor.parameter.elements();
        if (isCaptured()
                && tensor.gradient.isPresent()
                && tensor.gradientOffset == gradient.offset()) {
            tensor.gradient.get().write(numbers.apply(values, Math.toIntExact(elements)));
            return;
        }
        tensor.gradientOffset = gradient.offset();
        var fresh = filled(tensor.parameter.dtype(), elements, gradient.offset(), values);
        tensor.parameter.gradient(fresh.memory());
        // Freed after the other was allocated, which therefore lies elsewhere.
        tensor.gradient.ifPresent(BackendTensor::close);
        tensor.gradient = Optional.of(fresh);
    }

    private void run(Scenario.Passes passes) {
        supply(passes.gradients());
        optimizer.run(passes.name());
        passes.closing()
                .ifPresent(
                        closing -> {
                            supply(passes.between());
                            optimizer.run(closing);
                        });
    }

    private void step(Scenario.Step step) {
        supply(step.gradients());
        if (isCaptured()) {
            captured(step).launch();
            // A call would have taken it up; a captured step takes it up at every launch.
            tensors.forEach(tensor -> tensor.parameter.clearCurvature());
        } else {
            optimizer.step();
        }
        // Under policy FAIL a device reports a non-finite gradient at the next query.
        optimizer.lossScale();
    }

    /** Steps with companions or transforms are not captured by the library. */
    private boolean isCaptured() {
        return subject.captured() && companions.isEmpty() && !settings.halving();
    }

    /** The one before, if gradients lie where they lay and neither takes up curvature. */
    private CapturedStep captured(Scenario.Step step) {
        var gradients =
                tensors.stream()
                        .flatMap(tensor -> tensor.gradient.stream())
                        .map(BackendTensor::memory)
                        .toList();
        boolean curved =
                step.gradients().stream().anyMatch(each -> each.curvature().isPresent())
                        && optimizer.groups().stream()
                                .anyMatch(group -> group.rule().takesCurvature());
        if (!curved
                && capture.filter(before -> !before.curved && before.gradients.equals(gradients))
                        .isPresent()) {
            replays++;
        } else {
            endCapture();
            capture = Optional.of(new Capture(optimizer.capture(), gradients, curved));
        }
        return capture.orElseThrow().step;
    }

    private void endCapture() {
        capture.ifPresent(each -> each.step.close());
        capture = Optional.empty();
    }

    /** How often a captured step was launched again. */
    public int replays() {
        return replays;
    }

    private void supply(Tensor tensor, Scenario.Gradient gradient, int index) {
        long elements = tensor.parameter.elements();
        var type = tensor.parameter.dtype();
        switch (gradient.source()) {
            case ABSENT -> {
                tensor.parameter.clearGradient();
                tensor.gradient.ifPresent(BackendTensor::close);
                tensor.gradient = Optional.empty();
            }
            case KEPT -> {}
            case FRESH -> supplyFresh(tensor, gradient, index);
        }
        if (gradient.curvature().isPresent() && rule(tensor).takesCurvature()) {
            var fresh =
                    filled(
                            type,
                            elements,
                            15 - gradient.offset(),
                            gradient.curvature().get().at(index));
            tensor.parameter.curvature(fresh.memory());
            tensor.curvature.ifPresent(BackendTensor::close);
            tensor.curvature = Optional.of(fresh);
        }
    }

    private void retune(Scenario.Retune retune) {
        var name = group(retune.group());
        optimizer.rule(name, RuleVariants.retuned(optimizer.group(name).rule(), retune));
    }

    private void add(Scenario.Group group) {
        endCapture();
        int index = optimizer.groups().size();
        optimizer.add(new ParameterGroup(groupName(index), group.rule(), allocate(index, group)));
    }

    private void setStates(Scenario.SetStates set) {
        if (tensors.isEmpty()) {
            return;
        }
        int index = set.tensor() % tensors.size();
        var tensor = tensors.get(index);
        for (var slot : rule(tensor).slots(tensor.parameter.shape())) {
            if (slot.isKept() && slot.extent().dtype() == DType.F32) {
                var state = optimizer.state(tensor.parameter.name(), slot.name());
                int elements = Math.toIntExact(state.byteSize() / Float.BYTES);
                state.write(0, MemorySegment.ofArray(set.values().at(index).floats(elements)));
            }
        }
    }

    private UpdateRule rule(Tensor tensor) {
        return optimizer.groups().get(tensor.group).rule();
    }

    private void observe(double metric) {
        if (schedule instanceof ReduceOnPlateau plateau) {
            plateau.observe(metric);
        }
    }

    void save(Path file) {
        subject.beforeCalls().run();
        try {
            optimizer.save(file);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Goes on in a new optimizer over the same parameters, with the states of a file. */
    void restart(Path file) {
        subject.beforeCalls().run();
        var groups = optimizer.groups();
        endCapture();
        optimizer.close();
        schedule = settings.schedule().make();
        var builder = builder(groups.getFirst().rule());
        for (var group : groups) {
            builder.group(group.name(), group.parameters(), group.rule());
        }
        optimizer = builder.build();
        try {
            optimizer.load(file);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        thrown = "nothing";
    }

    /** What the optimizer reports. */
    public StepReport report() {
        return optimizer.report();
    }

    /** A copy of the run's results so far. */
    public Snapshot snapshot() {
        var all = parametersAndStates();
        for (var tensor : tensors) {
            tensor.gradient.ifPresent(
                    gradient -> all.put("gradient of " + name(tensor), gradient.toArray()));
        }
        return new Snapshot(all, numbers(), texts());
    }

    /** A copy of all parameters and states, by name. */
    public SequencedMap<String, float[]> parametersAndStates() {
        var copies = new LinkedHashMap<String, float[]>();
        for (var tensor : tensors) {
            copies.put("value of " + name(tensor), tensor.value.toArray());
            tensor.outputs.forEach(
                    (what, output) -> copies.put(what + " of " + name(tensor), output.toArray()));
            for (var slot : slots(tensor)) {
                if (slot.isKept() && slot.extent().dtype() == DType.F32) {
                    copies.put(
                            "state " + slot.name() + " of " + name(tensor),
                            optimizer.state(name(tensor), slot.name()).toArray());
                }
            }
        }
        return copies;
    }

    private List<Slot> slots(Tensor tensor) {
        return slots(rule(tensor), rule -> rule.slots(tensor.parameter.shape()));
    }

    /** Those of a rule and of the companions. */
    private List<Slot> slots(UpdateRule rule, Function<UpdateRule, List<Slot>> ofRule) {
        return Stream.concat(Stream.of(rule), companions.stream())
                .flatMap(each -> ofRule.apply(each).stream())
                .toList();
    }

    private static String name(Tensor tensor) {
        return tensor.parameter.name();
    }

    /** States of a parameter or rule as a whole. */
    private void putWholeStates(Map<String, Double> numbers) {
        for (var tensor : tensors) {
            for (var slot : slots(tensor)) {
                if (slot.isKept() && slot.extent() == Slot.Extent.TENSOR) {
                    numbers.put(
                            "state " + slot.name() + " of " + name(tensor),
                            optimizer.state(name(tensor), slot.name()).value());
                }
            }
        }
        for (var group : optimizer.groups()) {
            for (var slot : slots(group.rule(), UpdateRule::slots)) {
                if (slot.extent() == Slot.Extent.RULE) {
                    numbers.put(
                            "state " + slot.name() + " of group " + group.name(),
                            optimizer.ruleState(group.name(), slot.name()).value());
                }
            }
        }
    }

    private SequencedMap<String, Double> numbers() {
        var report = report();
        var numbers = new LinkedHashMap<String, Double>();
        putWholeStates(numbers);
        numbers.put("accepted steps", (double) report.step());
        numbers.put("skipped steps", (double) report.skipped());
        numbers.put("accepted", report.accepted() ? 1.0 : 0.0);
        numbers.put("loss scale", report.lossScale());
        numbers.put("gradient norm", report.gradientNorm().orElse(-1));
        numbers.put("update norm", report.updateNorm().orElse(-1));
        numbers.put("clip coefficient", report.clipCoefficient());
        report.learningRates()
                .forEach((name, rate) -> numbers.put("learning rate of " + name, rate));
        report.counts().forEach((name, count) -> numbers.put("count of " + name, (double) count));
        report.parameters().forEach((name, found) -> putStatistics(numbers, name, found));
        report.groups().forEach((name, found) -> putStatistics(numbers, name, found));
        return numbers;
    }

    private static void putStatistics(
            SequencedMap<String, Double> numbers, String name, StepStatistics found) {
        numbers.put("gradient norm of " + name, found.gradientNorm().orElse(-1));
        numbers.put("value norm of " + name, found.valueNorm().orElse(-1));
        numbers.put("update norm of " + name, found.updateNorm().orElse(-1));
        numbers.put("held share of " + name, found.heldShare().orElse(-1));
        found.numbers()
                .forEach((slot, value) -> numbers.put(slot + " of " + name, value.orElse(-1)));
    }

    private SequencedMap<String, String> texts() {
        var texts = new LinkedHashMap<String, String>();
        texts.put("what was thrown", thrown);
        texts.put("what the transform saw", transformed.toString());
        texts.put(
                "the rules",
                optimizer.groups().stream().map(ParameterGroup::rule).toList().toString());
        texts.put("what was written next to", unguarded().toString());
        return texts;
    }

    private List<String> unguarded() {
        return tensors.stream()
                .filter(tensor -> !tensor.hasIntactGuards())
                .map(ScenarioRun::name)
                .toList();
    }

    @Override
    public void close() {
        endCapture();
        optimizer.close();
        memory.close();
    }
}
