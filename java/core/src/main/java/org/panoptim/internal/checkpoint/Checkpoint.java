package org.panoptim.internal.checkpoint;

import org.panoptim.checkpoint.CheckpointException;
import org.panoptim.checkpoint.LoadOption;
import org.panoptim.parameter.Parameter;
import org.panoptim.parameter.ParameterGroup;
import org.panoptim.rule.Rules;
import org.panoptim.rule.Slot;
import org.panoptim.rule.UpdateRule;
import org.panoptim.safetensors.SafetensorsReader;
import org.panoptim.safetensors.SafetensorsWriter;
import org.panoptim.spi.Counters;
import org.panoptim.spi.Execution;
import org.panoptim.spi.PartialChangeException;
import org.panoptim.spi.StepPlan;
import org.panoptim.spi.UnsupportedPlanException;
import org.panoptim.step.LossScale;
import org.panoptim.tensor.DimensionOrder;
import org.panoptim.tensor.StateTensor;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.IdentityHashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.BiPredicate;
import java.util.function.Consumer;

/**
 * Writes an optimizer's states to a file and takes them up from one.
 *
 * <p>States are tensors named {@code state/SLOT/PARAMETER}, those of companions as {@link
 * CompanionStates} says; the rest is metadata.
 */
public final class Checkpoint {

    private Checkpoint() {}

    /**
     * Finds out whether a plan could be saved, so that this does not come to light after hours of
     * training.
     *
     * @throws IllegalArgumentException if not, with the reason
     */
    public static void requireSavable(StepPlan plan) {
        for (var group : plan.groups()) {
            requireText("a group's name", group.name());
            requireSavable(group);
            for (var parameter : group.parameters()) {
                requireText("a parameter's name", parameter.name());
            }
        }
        plan.schedule().state().keySet().forEach(key -> requireText("a schedule's state", key));
    }

    private static void requireSavable(ParameterGroup group) {
        var rule = group.rule();
        requireText("a rule's name", rule.name());
        // Ours have settings: looking would cost the first optimizer of a process its time.
        if (!Rules.isOfLibrary(rule)) {
            Rules.requireSettings(rule);
        }
    }

    /**
     * As {@link #requireSavable(StepPlan)}, of a transform's states: they must not have the names
     * of a rule's, or the same ones twice.
     */
    public static void requireSavable(StepPlan plan, List<StateTensor> states) {
        var names = new HashSet<String>();
        for (var group : plan.groups()) {
            for (var parameter : group.parameters()) {
                for (var slot : group.rule().slots(parameter.shape())) {
                    names.add(name(slot.name(), parameter.name()));
                }
            }
        }
        for (var state : states) {
            requireText("the name of a transform's state", name(state));
            if (!names.add(name(state))) {
                throw new IllegalArgumentException(
                        "the transform's state '" + name(state) + "' has the name of another one");
            }
        }
    }

    /**
     * Checks that a name can be written.
     *
     * @param what it is the name of
     * @throws IllegalArgumentException if it is not Unicode text
     */
    public static void requireText(String what, String name) {
        if (!SafetensorsWriter.canWrite(name)) {
            throw new IllegalArgumentException(
                    what
                            + " must be Unicode text, so that it can be saved, but has half a"
                            + " surrogate pair: '"
                            + name.replaceAll("[\\p{Cs}\\p{Cc}\\p{Cf}]", "?")
                            + "'");
        }
    }

    /** Writes the file, atomically. */
    public static void save(
            Path file, StepPlan plan, Execution execution, List<CompanionStates> companions)
            throws IOException {
        var writer =
                new SafetensorsWriter()
                        .checksums()
                        .metadata(CheckpointHeader.of(plan, execution).toMetadata(plan));
        for (var entry : states(plan, execution, companions).entrySet()) {
            var state = entry.getValue();
            writer.tensor(
                    entry.getKey(),
                    state.dtype(),
                    state.shape().dimensions(),
                    (chunk, offset) -> state.read(offset, chunk));
        }
        writer.write(file);
    }

    /**
     * Reads and checks the whole file, then takes it up; returns the plan that it makes.
     *
     * @param check throws an {@link IllegalArgumentException} if the optimizer cannot have the plan
     * @param follow lets the companions have the plan, before their states are taken up
     * @throws PartialChangeException if that fails after something was taken up
     */
    public static StepPlan load(
            Path file,
            StepPlan plan,
            Execution execution,
            List<CompanionStates> companions,
            Set<LoadOption> options,
            Consumer<StepPlan> check,
            Consumer<StepPlan> follow)
            throws IOException {
        try (var reader = SafetensorsReader.open(file);
                var arena = Arena.ofConfined()) {
            checkChecksums(file, reader, options);
            var header = CheckpointHeader.parse(file, reader.metadata(), plan);
            var loaded = plan.withGroups(groups(file, header, plan.groups()));
            checkPlan(file, loaded, check);
            var states = states(plan, execution, companions);
            checkTransform(file, plan, header);
            CompanionStates.check(file, companions, states.keySet(), reader.tensors().keySet());
            var staged = stage(file, reader, states, arena);
            configure(file, header, plan, loaded, execution);
            try {
                follow.accept(loaded);
                execution.restore(counters(header, loaded), counts(header, loaded));
                var transform = loaded.curvature();
                transform.ifPresent(kept -> kept.restore(header.transform()));
                staged.forEach((name, values) -> states.get(name).write(0, values));
                transform.ifPresent(kept -> kept.follow(loaded, execution));
            } catch (RuntimeException | Error e) {
                throw new PartialChangeException("loading " + file + " failed half way", e);
            }
            return loaded;
        }
    }

    /**
     * Warns of a file without checksums, or refuses it: files of earlier versions have none, nor
     * have those that other programs wrote.
     */
    public static void checkChecksums(Path file, SafetensorsReader reader, Set<LoadOption> options)
            throws CheckpointException {
        if (reader.hasChecksums()) {
            return;
        }
        if (options.contains(LoadOption.REQUIRE_CHECKSUMS)) {
            throw new CheckpointException(file, "it has no checksums, which are required");
        }
        System.getLogger("org.panoptim")
                .log(
                        System.Logger.Level.WARNING,
                        "checkpoint {0}: it has no checksums, so that damage may go unnoticed; a"
                                + " file saved anew has them",
                        file);
    }

    private static void checkPlan(Path file, StepPlan loaded, Consumer<StepPlan> check)
            throws CheckpointException {
        try {
            check.accept(loaded);
        } catch (IllegalArgumentException e) {
            throw new CheckpointException(file, e.getMessage());
        }
    }

    private static void checkTransform(Path file, StepPlan plan, CheckpointHeader header)
            throws CheckpointException {
        var transform = plan.curvature();
        if (transform.isEmpty()) {
            if (!header.transform().isEmpty()) {
                throw new CheckpointException(
                        file,
                        "it was saved with a transform of gradients, which says %s, and the optimizer has none; build it with that transform (Optimizer.Builder.transform) to load this file"
                                .formatted(header.transform().keySet()));
            }
            return;
        }
        try {
            transform.get().checkMetadata(header.transform());
        } catch (IllegalArgumentException e) {
            throw new CheckpointException(file, "transform: " + e.getMessage());
        }
    }

    /**
     * Gives the schedule and the groups what the file says of them, or leaves both as they were.
     */
    private static void configure(
            Path file,
            CheckpointHeader header,
            StepPlan before,
            StepPlan loaded,
            Execution execution)
            throws CheckpointException {
        var schedule = before.schedule();
        var scheduleBefore = schedule.state();
        try {
            schedule.restore(header.schedule());
        } catch (RuntimeException e) {
            // A user's schedule may refuse what it is given in its own way.
            schedule.restore(scheduleBefore);
            throw new CheckpointException(file, String.valueOf(e.getMessage()));
        }
        try {
            execution.configure(loaded);
        } catch (UnsupportedPlanException e) {
            schedule.restore(scheduleBefore);
            throw new CheckpointException(file, String.valueOf(e.getMessage()));
        } catch (RuntimeException | Error e) {
            // Not the file's fault.
            schedule.restore(scheduleBefore);
            throw e;
        }
    }

    /** A fixed loss scale is a setting, on either side; only a dynamic one is taken up. */
    private static Counters counters(CheckpointHeader header, StepPlan plan) {
        var saved = header.counters();
        if (plan.lossScale() instanceof LossScale.Dynamic dynamic && header.dynamicLossScale()) {
            // It grows when the tracker meets the interval, which may be shorter now.
            long tracker = Math.min(saved.growthTracker(), dynamic.growthInterval() - 1);
            return new Counters(saved.step(), saved.skipped(), tracker, saved.lossScale());
        }
        return new Counters(saved.step(), saved.skipped(), 0, plan.lossScale().initial());
    }

    /**
     * Reads every state into memory, so that a failing file leaves the optimizer as it was.
     *
     * @param states all tensors that the file must have, and no others, by name
     * @param arena where the bytes lie
     * @throws CheckpointException if a tensor is absent, of another type or shape, or too much
     */
    public static Map<String, MemorySegment> stage(
            Path file, SafetensorsReader reader, Map<String, StateTensor> states, Arena arena)
            throws IOException {
        var unknown = new HashSet<>(reader.tensors().keySet());
        unknown.addAll(reader.unreadable().keySet());
        for (var entry : states.entrySet()) {
            var name = entry.getKey();
            var state = entry.getValue();
            unknown.remove(name);
            if (reader.unreadable().containsKey(name)) {
                throw new CheckpointException(
                        file,
                        "tensor '"
                                + name
                                + "' must be "
                                + state.dtype()
                                + ", but is "
                                + reader.unreadable().get(name));
            }
            var found =
                    reader.find(name)
                            .orElseThrow(
                                    () ->
                                            new CheckpointException(
                                                    file, "tensor '" + name + "' is absent"));
            if (found.dtype() != state.dtype()
                    || !found.shape().equals(state.shape().dimensions())) {
                throw new CheckpointException(
                        file,
                        "tensor '"
                                + name
                                + "' must be "
                                + state.dtype()
                                + state.shape()
                                + ", but is "
                                + found.dtype()
                                + found.shape());
            }
        }
        if (!unknown.isEmpty()) {
            throw new CheckpointException(
                    file, "tensor '" + unknown.iterator().next() + "' belongs to no state");
        }
        var staged = new LinkedHashMap<String, MemorySegment>();
        for (var entry : states.entrySet()) {
            var bytes = arena.allocate(entry.getValue().byteSize());
            reader.read(reader.tensors().get(entry.getKey()), bytes);
            staged.put(entry.getKey(), bytes);
        }
        return staged;
    }

    /** The optimizer's groups with the file's hyper-parameters, if they are the same groups. */
    private static List<ParameterGroup> groups(
            Path file, CheckpointHeader header, List<ParameterGroup> groups)
            throws CheckpointException {
        requireNames(
                file,
                "group",
                groups.stream().map(ParameterGroup::name).toList(),
                header.groups().stream().map(CheckpointHeader.Group::name).toList());
        var loaded = new ArrayList<ParameterGroup>();
        for (int i = 0; i < groups.size(); i++) {
            loaded.add(group(file, groups.get(i), header.groups().get(i)));
        }
        return loaded;
    }

    private static ParameterGroup group(
            Path file, ParameterGroup group, CheckpointHeader.Group saved)
            throws CheckpointException {
        var place = "group '" + group.name() + "': ";
        require(file, place + "rule", group.rule().name(), saved.rule());
        requireNames(
                file,
                place + "parameter",
                group.parameters().stream().map(Parameter::name).toList(),
                saved.parameters().stream().map(CheckpointHeader.Tensor::name).toList());
        for (int i = 0; i < group.parameters().size(); i++) {
            var parameter = group.parameters().get(i);
            var tensor = saved.parameters().get(i);
            var what = "parameter '" + parameter.name() + "': ";
            requireOrder(file, parameter, tensor);
            require(file, what + "shape", parameter.shape().dimensions(), tensor.shape());
            require(file, what + "dtype", parameter.dtype().name(), tensor.dtype());
        }
        try {
            var settings = Rules.settings(group.rule()).keySet();
            require(file, place + "settings", settings, saved.settings().keySet());
            UpdateRule rule = Rules.with(group.rule(), saved.settings());
            require(file, place + "states", group.rule().slots(), rule.slots(), Slot::sameStates);
            // Whoever freezes more before resuming means it.
            return group.withRule(rule).withFrozen(group.frozen() || saved.frozen());
        } catch (IllegalArgumentException e) {
            throw new CheckpointException(file, place + e.getMessage());
        }
    }

    /** Says of what has another order, not of its shapes, which differ by that too. */
    private static void requireOrder(Path file, Parameter parameter, CheckpointHeader.Tensor tensor)
            throws CheckpointException {
        boolean sameRank = tensor.shape().size() == parameter.shape().dimensions().size();
        if (sameRank && !tensor.order().equals(parameter.order())) {
            throw new CheckpointException(
                    file,
                    "parameter '%s': its dimensions lie in memory in the order %s, but in the checkpoint in the order %s; lay the tensor out as it was saved (row by row is %s) before its optimizer is built"
                            .formatted(
                                    parameter.name(),
                                    parameter.order(),
                                    tensor.order(),
                                    DimensionOrder.contiguous(tensor.shape().size())));
        }
    }

    private static List<String> slots(UpdateRule rule) {
        return rule.slots().stream().map(Slot::name).toList();
    }

    private static void require(Path file, String what, Object expected, Object found)
            throws CheckpointException {
        require(file, what, expected, found, Object::equals);
    }

    private static <T> void require(
            Path file, String what, T expected, T found, BiPredicate<T, T> same)
            throws CheckpointException {
        if (!same.test(expected, found)) {
            throw new CheckpointException(
                    file,
                    what + " of the optimizer: " + expected + ", of the checkpoint: " + found);
        }
    }

    /** Names the first difference: whole lists may be long. */
    private static void requireNames(
            Path file, String what, List<String> expected, List<String> found)
            throws CheckpointException {
        for (int i = 0; i < Math.max(expected.size(), found.size()); i++) {
            var own = i < expected.size() ? "'" + expected.get(i) + "'" : "none";
            var saved = i < found.size() ? "'" + found.get(i) + "'" : "none";
            require(file, what + " " + (i + 1), own, saved);
        }
    }

    private static Map<Parameter, Long> counts(CheckpointHeader header, StepPlan plan) {
        var counts = new IdentityHashMap<Parameter, Long>();
        for (int i = 0; i < plan.groups().size(); i++) {
            var parameters = plan.groups().get(i).parameters();
            for (int j = 0; j < parameters.size(); j++) {
                counts.put(parameters.get(j), header.groups().get(i).parameters().get(j).count());
            }
        }
        return counts;
    }

    /** All states that outlast a step, by the names that they have in the file. */
    private static Map<String, StateTensor> states(
            StepPlan plan, Execution execution, List<CompanionStates> companions) {
        var states = new LinkedHashMap<String, StateTensor>();
        kept(plan.groups(), execution).forEach(state -> states.put(name(state), state));
        plan.curvature()
                .ifPresent(
                        transform ->
                                transform.states().forEach(each -> states.put(name(each), each)));
        for (var companion : companions) {
            for (var state : kept(companion.groups(), companion.execution())) {
                states.put(companion.name(state), state);
            }
        }
        return states;
    }

    private static List<StateTensor> kept(List<ParameterGroup> groups, Execution execution) {
        var states = new ArrayList<StateTensor>();
        for (var group : groups) {
            for (var parameter : group.parameters()) {
                var slots = group.rule().slots(parameter.shape());
                for (int slot = 0; slot < slots.size(); slot++) {
                    if (slots.get(slot).extent().isOfParameter() && slots.get(slot).isKept()) {
                        states.add(execution.state(parameter, slot));
                    }
                }
            }
            for (int slot = 0; slot < group.rule().slots().size(); slot++) {
                if (!group.rule().slots().get(slot).extent().isOfParameter()) {
                    states.add(execution.ruleState(group.name(), slot));
                }
            }
        }
        return states;
    }

    private static String name(StateTensor state) {
        return state.isOfRule()
                ? "rule/" + state.slot() + "/" + state.parameter()
                : name(state.slot(), state.parameter());
    }

    private static String name(String slot, String parameter) {
        return "state/" + slot + "/" + parameter;
    }
}
