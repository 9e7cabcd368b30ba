package org.panoptim.tests.equivalence;

import org.panoptim.Backend;
import org.panoptim.HostMemory;
import org.panoptim.NonFiniteGradientException;
import org.panoptim.Optimizer;
import org.panoptim.Parameter;
import org.panoptim.ParameterGroup;
import org.panoptim.ReduceOnPlateau;
import org.panoptim.Schedule;
import org.panoptim.Shape;
import org.panoptim.StepReport;
import org.panoptim.rule.PhasedRule;
import org.panoptim.rule.Rules;
import org.panoptim.rule.UpdateRule;
import org.panoptim.spi.StepContext;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Optional;

/** A case being played on one backend, in memory of its own. */
final class World implements AutoCloseable {

    private final Contender contender;
    private final Case.Settings settings;
    private final Arena arena = Arena.ofShared();
    private final Backend backend;
    private final List<Placed> tensors = new ArrayList<>();
    private final List<StepContext> transformed = new ArrayList<>();
    private Schedule schedule;
    private Optimizer optimizer;

    /** A parameter with its memory. */
    private static final class Placed {
        private final Parameter parameter;
        private final int group;
        private final Guarded value;
        private Optional<Guarded> gradient = Optional.empty();

        Placed(Parameter parameter, int group, Guarded value) {
            this.parameter = parameter;
            this.group = group;
            this.value = value;
        }
    }

    World(Contender contender, Case play) {
        this.contender = contender;
        this.settings = play.settings();
        this.schedule = settings.schedule().make();
        this.backend = contender.open();
        var builder = builder(play.groups().getFirst().rule());
        for (int i = 0; i < play.groups().size(); i++) {
            var group = play.groups().get(i);
            builder.group(groupName(i), place(i, group), group.rule());
        }
        this.optimizer = builder.build();
    }

    private Optimizer.Builder<UpdateRule> builder(UpdateRule rule) {
        var builder =
                Optimizer.builder(rule)
                        .schedule(schedule)
                        .lossScale(settings.lossScale())
                        .nonFinite(settings.policy())
                        .zeroGradients(settings.zeroGradients())
                        .statistics(settings.statistics())
                        .backend(backend);
        if (settings.halving()) {
            builder.transform(this::halve);
        }
        return settings.clipNorm() < Double.POSITIVE_INFINITY
                ? builder.clipGlobalNorm(settings.clipNorm())
                : builder;
    }

    private void halve(StepContext step) {
        transformed.add(step);
        if (step.accepted()) {
            tensors.stream().map(World::gradient).forEach(World::halve);
        }
    }

    private static void halve(MemorySegment gradient) {
        for (long i = 0; i < gradient.byteSize() / Float.BYTES; i++) {
            float value = gradient.getAtIndex(ValueLayout.JAVA_FLOAT, i);
            gradient.setAtIndex(ValueLayout.JAVA_FLOAT, i, value / 2);
        }
    }

    private static String groupName(int place) {
        return "group " + place;
    }

    private List<Parameter> place(int number, Case.Group group) {
        var placed = new ArrayList<Parameter>();
        for (var tensor : group.tensors()) {
            int place = tensors.size();
            var value = new Guarded(arena, tensor.elements(), tensor.offset());
            tensor.start().at(place).fill(value.values());
            var shape = tensor.elements() == 1 ? Shape.of() : Shape.of(tensor.elements());
            var parameter = Parameter.of("tensor " + place, shape, value.values());
            tensors.add(new Placed(parameter, number, value));
            placed.add(parameter);
        }
        return placed;
    }

    /** Does all but saving; returns what was thrown, if that is a legitimate outcome. */
    Optional<String> apply(Case.Action action) {
        try {
            switch (action) {
                case Case.Step step -> step(step);
                case Case.Retune retune -> retune(retune);
                case Case.Rate rate -> optimizer.learningRate(group(rate.group()), rate.rate());
                case Case.Add add -> add(add.group());
                case Case.Freeze freeze when freeze.frozen() ->
                        optimizer.freeze(group(freeze.group()));
                case Case.Freeze freeze -> optimizer.unfreeze(group(freeze.group()));
                case Case.SetStates set -> setStates(set);
                case Case.ZeroGradients _ -> optimizer.zeroGrad();
                case Case.Observe observe -> observe(observe.metric());
                case Case.SaveAndSwap _ -> throw new IllegalArgumentException("takes two worlds");
            }
            return Optional.empty();
        } catch (NonFiniteGradientException e) {
            return Optional.of(e.toString());
        }
    }

    private String group(int number) {
        return groupName(number % optimizer.groups().size());
    }

    private void step(Case.Step step) {
        for (int i = 0; i < tensors.size(); i++) {
            hand(tensors.get(i), step.gradients().get(i % step.gradients().size()), i);
        }
        optimizer.step();
    }

    private void hand(Placed tensor, Case.Gradient gradient, int place) {
        switch (gradient.source()) {
            case ABSENT -> {
                tensor.parameter.clearGradient();
                tensor.gradient = Optional.empty();
            }
            case KEPT -> {}
            case FRESH -> {
                var memory =
                        filled(
                                tensor.parameter.elements(),
                                gradient.offset(),
                                gradient.values().at(place));
                tensor.parameter.gradient(memory.values());
                tensor.gradient = Optional.of(memory);
            }
        }
        if (rule(tensor) instanceof PhasedRule rule && rule.takesCurvature()) {
            gradient.curvature()
                    .ifPresent(
                            values ->
                                    tensor.parameter.curvature(
                                            filled(
                                                            tensor.parameter.elements(),
                                                            15 - gradient.offset(),
                                                            values.at(place))
                                                    .values()));
        }
    }

    private Guarded filled(long elements, int offset, Values values) {
        var memory = new Guarded(arena, elements, offset);
        values.fill(memory.values());
        return memory;
    }

    private void retune(Case.Retune retune) {
        var name = group(retune.group());
        var rule = optimizer.group(name).rule();
        var changed = new LinkedHashMap<String, String>();
        Rules.settings(rule)
                .forEach(
                        (key, old) -> {
                            switch (key) {
                                case "lr" -> changed.put(key, String.valueOf(retune.rate()));
                                case "weight_decay" ->
                                        changed.put(key, String.valueOf(retune.weightDecay()));
                                case "beta1" -> changed.put(key, String.valueOf(retune.beta()));
                                case "maximize" ->
                                        changed.put(key, old.equals("true") ? "false" : "true");
                                // Without momentum there is no state for it, and there stays none.
                                case "momentum" ->
                                        changed.put(
                                                key,
                                                Double.parseDouble(old) == 0
                                                        ? old
                                                        : String.valueOf((1 + retune.beta()) / 2));
                                default -> {}
                            }
                        });
        optimizer.rule(name, Rules.with(rule, changed));
    }

    private void add(Case.Group group) {
        int number = optimizer.groups().size();
        optimizer.add(new ParameterGroup(groupName(number), group.rule(), place(number, group)));
    }

    private void setStates(Case.SetStates set) {
        if (tensors.isEmpty()) {
            return;
        }
        int place = set.tensor() % tensors.size();
        var tensor = tensors.get(place);
        for (var slot : rule(tensor).slots()) {
            var state = optimizer.state(tensor.parameter.name(), slot.name());
            try (var scratch = Arena.ofConfined()) {
                var values = scratch.allocate(state.byteSize(), Float.BYTES);
                set.values().at(place).fill(values);
                state.write(0, values);
            }
        }
    }

    private UpdateRule rule(Placed tensor) {
        return optimizer.groups().get(tensor.group).rule();
    }

    private void observe(double metric) {
        if (schedule instanceof ReduceOnPlateau plateau) {
            plateau.observe(metric);
        }
    }

    void save(Path file) {
        try {
            optimizer.save(file);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Goes on in a new optimizer over the same parameters, with the states of a file. */
    void restart(Path file) {
        var groups = optimizer.groups();
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
    }

    StepReport report() {
        return optimizer.report();
    }

    /** The first thing in which the other world differs from this one, in words. */
    Optional<String> difference(World other) {
        return differenceOfAll(other).map(text -> other.contender + ": " + text);
    }

    private Optional<String> differenceOfAll(World other) {
        if (!report().equals(other.report())) {
            return Optional.of("its report is " + other.report() + "\nbut should be " + report());
        }
        if (!transformed.equals(other.transformed)) {
            return Optional.of(
                    "its transform saw " + other.transformed + "\nbut should see " + transformed);
        }
        if (!rules().equals(other.rules())) {
            return Optional.of("its rules are " + other.rules() + "\nbut should be " + rules());
        }
        for (int i = 0; i < tensors.size(); i++) {
            var found = difference(tensors.get(i), other, other.tensors.get(i));
            if (found.isPresent()) {
                return found;
            }
        }
        return Optional.empty();
    }

    private List<UpdateRule> rules() {
        return optimizer.groups().stream().map(group -> group.rule()).toList();
    }

    private Optional<String> difference(Placed mine, World other, Placed its) {
        var name = mine.parameter.name();
        if (!its.value.intact() || !its.gradient.map(Guarded::intact).orElse(true)) {
            return Optional.of("wrote outside of the value or gradient of " + name);
        }
        var found = Bits.difference(mine.value.values(), its.value.values());
        if (found.isPresent()) {
            return Optional.of("value of " + name + ": " + found.get());
        }
        found = Bits.difference(gradient(mine), gradient(its));
        if (found.isPresent()) {
            return Optional.of("gradient of " + name + ": " + found.get());
        }
        for (var slot : rule(mine).slots()) {
            found = Bits.difference(state(mine, slot.name()), other.state(its, slot.name()));
            if (found.isPresent()) {
                return Optional.of("state " + slot.name() + " of " + name + ": " + found.get());
            }
        }
        return Optional.empty();
    }

    private static MemorySegment gradient(Placed tensor) {
        return tensor.parameter
                .gradient()
                .map(memory -> ((HostMemory) memory).segment())
                .orElse(MemorySegment.NULL);
    }

    private MemorySegment state(Placed tensor, String slot) {
        return MemorySegment.ofArray(optimizer.state(tensor.parameter.name(), slot).toArray());
    }

    /** A copy of all parameters and states, to see later what a step changed. */
    List<MemorySegment> memory() {
        var copies = new ArrayList<MemorySegment>();
        for (var tensor : tensors) {
            copies.add(copy(tensor.value.values()));
            for (var slot : rule(tensor).slots()) {
                copies.add(state(tensor, slot.name()));
            }
        }
        return copies;
    }

    private static MemorySegment copy(MemorySegment values) {
        return MemorySegment.ofArray(values.toArray(ValueLayout.JAVA_BYTE));
    }

    @Override
    public void close() {
        optimizer.close();
        backend.close();
        arena.close();
    }
}
