package org.panoptim.internal.checkpoint;

import org.panoptim.checkpoint.CheckpointException;
import org.panoptim.checkpoint.LoadOption;
import org.panoptim.internal.shard.Intent;
import org.panoptim.parameter.Parameter;
import org.panoptim.parameter.ParameterGroup;
import org.panoptim.rule.Rules;
import org.panoptim.rule.Slot;
import org.panoptim.rule.UpdateRule;
import org.panoptim.safetensors.SafetensorsReader;
import org.panoptim.safetensors.SafetensorsWriter;
import org.panoptim.spi.Execution;
import org.panoptim.spi.PartialChangeException;
import org.panoptim.spi.StepPlan;
import org.panoptim.tensor.DimensionOrder;
import org.panoptim.tensor.StateTensor;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.Set;
import java.util.function.BiPredicate;
import java.util.function.Consumer;

/**
 * Writes an optimizer's states to a file, or a team's to a folder, and takes them up from one.
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
                    names.add(StateParts.name(slot.name(), parameter.name()));
                }
            }
        }
        for (var state : states) {
            requireText("the name of a transform's state", StateParts.name(state));
            if (!names.add(StateParts.name(state))) {
                throw new IllegalArgumentException(
                        "the transform's state '"
                                + StateParts.name(state)
                                + "' has the name of another one");
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

    /**
     * Writes a file, atomically; or, where a team has shared out the states, a folder.
     *
     * @param leaves of the team's steps, if there is one
     */
    public static void save(
            Path path,
            StepPlan plan,
            Execution execution,
            List<CompanionStates> companions,
            OptionalInt leaves)
            throws IOException {
        var team = plan.shares().team();
        if (team.isPresent()) {
            new TeamSaving(path, team.get())
                    .save(() -> content(plan, execution, companions, leaves));
            return;
        }
        var content = content(plan, execution, companions, leaves);
        var writer = new SafetensorsWriter().checksums().metadata(content.header());
        for (var part : content.parts().values()) {
            var state = part.tensor();
            writer.tensor(
                    part.name(),
                    state.dtype(),
                    state.shape().dimensions(),
                    (chunk, offset) -> state.read(offset, chunk));
        }
        writer.write(path);
    }

    private static TeamSaving.Content content(
            StepPlan plan,
            Execution execution,
            List<CompanionStates> companions,
            OptionalInt leaves) {
        return new TeamSaving.Content(
                CheckpointHeader.of(plan, execution, leaves).toMetadata(plan),
                StateParts.of(plan, execution, companions));
    }

    /** Writes what a team has saved to a folder into one file. */
    public static void consolidate(Path folder, Path file) throws IOException {
        try (var source = MemberFiles.open(folder)) {
            source.checkElements();
            var writer = new SafetensorsWriter().checksums().metadata(source.metadata());
            source.tensors()
                    .forEach(
                            (name, tensor) ->
                                    writer.tensor(
                                            name,
                                            tensor.dtype(),
                                            tensor.shape(),
                                            (chunk, at) -> source.readChecked(name, at, chunk)));
            writer.write(file);
        }
    }

    /**
     * Reads and checks all of a file or a team's folder, then takes it up; returns the plan that it
     * makes. Of a team, no member takes up anything before all have checked what they need.
     *
     * @param leaves of the team's steps, if there is one
     * @param check throws an {@link IllegalArgumentException} if the optimizer cannot have the plan
     * @param follow lets the companions have the plan, before their states are taken up
     * @throws PartialChangeException if that fails after something was taken up
     */
    public static StepPlan load(
            Path path,
            StepPlan plan,
            Execution execution,
            List<CompanionStates> companions,
            OptionalInt leaves,
            Set<LoadOption> options,
            Consumer<StepPlan> check,
            Consumer<StepPlan> follow)
            throws IOException {
        var team = plan.shares().team();
        var consensus = new Consensus(team, Intent.LOAD, "load " + path);
        try (var arena = Arena.ofConfined()) {
            var read =
                    consensus.reach(
                            () -> {
                                try (var source = CheckpointSource.open(path)) {
                                    checkChecksums(path, source.hasChecksums(), options);
                                    return read(
                                            source,
                                            plan,
                                            execution,
                                            companions,
                                            leaves,
                                            check,
                                            arena);
                                }
                            },
                            Loading::identity);
            requireSame(path, read.told());
            var loading = read.own();
            try {
                consensus.reach(loading::configure);
            } catch (IOException | RuntimeException | Error e) {
                if (team.isPresent()) {
                    loading.takeBack();
                }
                throw e;
            }
            try {
                consensus.reach(() -> loading.apply(follow));
            } catch (IOException | RuntimeException | Error e) {
                throw loading.halfDone(e);
            }
            return loading.loaded();
        }
    }

    private static Loading read(
            CheckpointSource source,
            StepPlan plan,
            Execution execution,
            List<CompanionStates> companions,
            OptionalInt leaves,
            Consumer<StepPlan> check,
            Arena arena)
            throws IOException {
        var path = source.path();
        var header = CheckpointHeader.parse(path, source.metadata(), plan);
        checkLeaves(path, header.leaves(), leaves);
        var loaded = plan.withGroups(groups(path, header, plan.groups()));
        checkPlan(path, loaded, check);
        var states = StateParts.of(plan, execution, companions);
        checkTransform(path, plan, header);
        CompanionStates.check(path, companions, states.keySet(), source.tensors().keySet());
        return new Loading(
                path,
                source.identity(),
                header,
                plan,
                plan.schedule().state(),
                loaded,
                execution,
                states,
                stage(source, states, arena));
    }

    private static void requireSame(Path path, List<String> identities) throws CheckpointException {
        for (int member = 1; member < identities.size(); member++) {
            if (!identities.get(member).equals(identities.getFirst())) {
                throw new CheckpointException(
                        path, "member %d sees another one here than member 0".formatted(member));
            }
        }
    }

    /** Whoever loads without a team adds up its gradients as it likes. */
    private static void checkLeaves(Path path, OptionalInt saved, OptionalInt own)
            throws CheckpointException {
        if (saved.isPresent() && own.isPresent() && saved.getAsInt() != own.getAsInt()) {
            throw new CheckpointException(
                    path,
                    "it was saved by a team whose steps have %d leaves, but those of this one have %d, which would make other sums; build the optimizer with shards(member, %d) to load it"
                            .formatted(saved.getAsInt(), own.getAsInt(), saved.getAsInt()));
        }
    }

    /**
     * Warns of a file without checksums, or refuses it: files of earlier versions have none, nor
     * have those that other programs wrote.
     */
    public static void checkChecksums(Path file, SafetensorsReader reader, Set<LoadOption> options)
            throws CheckpointException {
        checkChecksums(file, reader.hasChecksums(), options);
    }

    private static void checkChecksums(Path file, boolean present, Set<LoadOption> options)
            throws CheckpointException {
        if (present) {
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
     * Reads every state into memory, so that a failing file leaves the optimizer as it was.
     *
     * @param states all tensors that the file must have, and no others, by name
     * @param arena where the bytes lie
     * @throws CheckpointException if a tensor is absent, of another type or shape, or too much
     */
    public static Map<String, MemorySegment> stage(
            Path file, SafetensorsReader reader, Map<String, StateTensor> states, Arena arena)
            throws IOException {
        return stage(new WholeFile(file, reader), StateParts.whole(states), arena);
    }

    /** The same of the parts of states that are here. */
    private static Map<String, MemorySegment> stage(
            CheckpointSource source, Map<String, StatePart> states, Arena arena)
            throws IOException {
        checkTensors(source, states);
        var staged = new LinkedHashMap<String, MemorySegment>();
        for (var part : states.values()) {
            var bytes = arena.allocate(part.tensor().byteSize());
            if (!part.isEmpty()) {
                source.read(part.name(), part.firstByte(), bytes);
            }
            staged.put(part.name(), bytes);
        }
        return staged;
    }

    private static void checkTensors(CheckpointSource source, Map<String, StatePart> states)
            throws CheckpointException {
        var file = source.path();
        var tensors = source.tensors();
        var unknown = new HashSet<>(tensors.keySet());
        unknown.addAll(source.unreadable().keySet());
        for (var part : states.values()) {
            var name = part.name();
            var expected = part.saved();
            unknown.remove(name);
            if (source.unreadable().containsKey(name)) {
                throw new CheckpointException(
                        file,
                        "tensor '"
                                + name
                                + "' must be "
                                + expected.dtype()
                                + ", but is "
                                + source.unreadable().get(name));
            }
            var found = tensors.get(name);
            if (found == null) {
                throw new CheckpointException(file, "tensor '" + name + "' is absent");
            }
            if (!found.equals(expected)) {
                throw new CheckpointException(
                        file, "tensor '" + name + "' must be " + expected + ", but is " + found);
            }
        }
        if (!unknown.isEmpty()) {
            throw new CheckpointException(
                    file, "tensor '" + unknown.iterator().next() + "' belongs to no state");
        }
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
}
