package org.panoptim;

import org.jspecify.annotations.Nullable;
import org.panoptim.memory.HostMemory;
import org.panoptim.memory.Memory;
import org.panoptim.parameter.Parameter;
import org.panoptim.parameter.ParameterGroup;
import org.panoptim.rule.Pass;
import org.panoptim.rule.PhaseSpan;
import org.panoptim.rule.Slot;
import org.panoptim.spi.ArenaSet;
import org.panoptim.spi.Execution;
import org.panoptim.spi.StepPlan;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/**
 * What a step finds in its parameters. They are surveyed only when one of them was set anew; that
 * arenas are still open is asked before every step, of each arena once. Allocates nothing once the
 * set of arenas has its size.
 */
final class StepInputs {

    private final SourceWatches sources;
    private final Parameter[] parameters;
    private final Set<Parameter> all;

    /** Values and outputs, which stay the same. */
    private final Memories.Piece[] written;

    private final boolean[] takesCurvature;
    private boolean takingCurvature;
    private final int[] revisions;
    private final @Nullable Memory[] gradients;
    private final @Nullable Memory[] curvatures;

    /** Those of values and outputs alone. */
    private final ArenaSet writtenArenas = new ArenaSet();

    // What the last survey found.
    private final ArenaSet arenas = new ArenaSet();
    private boolean curved;
    private boolean present;
    private boolean surveyed;
    private @Nullable Parameter readOnly;
    private @Nullable Parameter misused;

    /** The arenas that the coming calls use. */
    private ArenaSet needed = arenas;

    /** Whether the executions, as they are now, have taken up what is held here. */
    private boolean bound;

    StepInputs(StepPlan plan) {
        sources = new SourceWatches(plan);
        parameters = plan.parameters().toArray(Parameter[]::new);
        all = Set.copyOf(plan.parameters());
        written = Memories.pieces(plan.parameters()).toArray(Memories.Piece[]::new);
        revisions = new int[parameters.length];
        gradients = new Memory[parameters.length];
        curvatures = new Memory[parameters.length];
        takesCurvature = new boolean[parameters.length];
        for (var piece : written) {
            note(piece.memory(), writtenArenas);
        }
        follow(plan);
    }

    /** Follows a plan of the same parameters whose rules may differ. */
    void follow(StepPlan plan) {
        int place = 0;
        takingCurvature = false;
        for (var group : plan.groups()) {
            int end = place + group.parameters().size();
            takingCurvature |= group.rule().takesCurvature();
            Arrays.fill(takesCurvature, place, end, group.rule().takesCurvature());
            place = end;
        }
        surveyed = false;
    }

    /** Where they come from; to be refreshed before anything is asked here. */
    SourceWatches sources() {
        return sources;
    }

    /** Checks what the parameters hold now. */
    void take() {
        followParameters();
        need(arenas);
        checkAccess();
    }

    /**
     * Checks what a pass needs of the parameters. One over every parameter reads no gradient, so
     * that it runs when the arena of one was closed: what an open pass has moved can be put back.
     *
     * @param plan of the rules whose pass it is
     */
    void takeFor(Pass pass, StepPlan plan) {
        if (goesOverGradients(pass, plan)) {
            take();
            return;
        }
        followParameters();
        var thread = Thread.currentThread();
        if (arenas.isAccessibleBy(thread)) {
            // As a step would: nothing has to be told anew.
            need(arenas);
            return;
        }
        need(writtenArenas);
        checkWritten(thread);
    }

    /** Checks values and outputs alone, as far as they are to be written. */
    void takeValues() {
        followParameters();
        checkWritten(Thread.currentThread());
    }

    private static boolean goesOverGradients(Pass pass, StepPlan plan) {
        for (var group : plan.groups()) {
            var span = PhaseSpan.ofPass(group.rule(), pass.name());
            if (span.phases() > 0 && !span.everyParameter()) {
                return true;
            }
        }
        return false;
    }

    private void followParameters() {
        sources.refresh();
        if (changed()) {
            bound = false;
        }
    }

    private void need(ArenaSet arenasOfCall) {
        if (needed != arenasOfCall) {
            needed = arenasOfCall;
            bound = false;
        }
    }

    /**
     * Checks what is about to be read of groups that states are made for: parameters that a state
     * begins as.
     *
     * @throws IllegalStateException if a source says that memory has moved, or an arena was closed
     *     or belongs to another thread
     */
    void checkBeginnings(List<ParameterGroup> groups) {
        var beginnings = new ArrayList<Parameter>();
        for (var group : groups) {
            for (var parameter : group.parameters()) {
                if (Slot.beginAtParameter(group.rule().slots(parameter.shape()))) {
                    beginnings.add(parameter);
                }
            }
        }
        if (beginnings.isEmpty()) {
            return;
        }
        sources.refresh();
        sources.checkValues(beginnings);
        var thread = Thread.currentThread();
        beginnings.forEach(each -> checkAccess(each, "value", each.value(), thread));
    }

    /** Tells an optimizer's executions of what is new. */
    void bindTo(List<Execution> executions) {
        if (!bound) {
            for (var execution : executions) {
                execution.bind(needed);
            }
            bound = true;
        }
    }

    /** Lets the executions be told again, since they have changed. */
    void unbind() {
        bound = false;
    }

    /**
     * Looks whether a gradient or curvature was set or taken away, and if so, what there is now.
     */
    boolean changed() {
        if (surveyed && unchanged()) {
            return false;
        }
        survey();
        return true;
    }

    private boolean unchanged() {
        for (int i = 0; i < parameters.length; i++) {
            if (parameters[i].revision() != revisions[i]) {
                return false;
            }
        }
        return true;
    }

    private void survey() {
        arenas.clear();
        curved = false;
        present = false;
        readOnly = null;
        misused = null;
        for (var piece : written) {
            note(piece.memory(), arenas);
        }
        for (int i = 0; i < parameters.length; i++) {
            var parameter = parameters[i];
            revisions[i] = parameter.revision();
            gradients[i] = parameter.gradient().orElse(null);
            curvatures[i] = parameter.curvature().orElse(null);
            present |= parameter.hasGradient();
            note(gradients[i], arenas);
            note(curvatures[i], arenas);
            if (readOnly == null && isReadOnly(gradients[i])) {
                readOnly = parameter;
            }
            if (parameter.hasCurvature()) {
                curved = true;
                if (misused == null && !takesCurvature[i]) {
                    misused = parameter;
                }
            }
        }
        surveyed = true;
    }

    private static boolean isReadOnly(@Nullable Memory memory) {
        return memory instanceof HostMemory(var segment) && segment.isReadOnly();
    }

    private static void note(@Nullable Memory memory, ArenaSet set) {
        if (memory instanceof HostMemory(var segment)) {
            set.add(segment);
        }
    }

    /** Whether a parameter is one of these. */
    boolean has(Parameter parameter) {
        return all.contains(parameter);
    }

    /** Whether there are no parameters. */
    boolean isEmpty() {
        return parameters.length == 0;
    }

    /** Whether the last survey found a gradient. */
    boolean hasGradients() {
        return present;
    }

    /** Whether the last survey found curvature. */
    boolean hasCurvature() {
        return curved;
    }

    /** Whether the rule of a parameter takes curvature. */
    boolean takesCurvature() {
        return takingCurvature;
    }

    /** The arenas of values and outputs, which stay the same. */
    ArenaSet writtenArenas() {
        return writtenArenas;
    }

    /** The arenas that the last survey found. */
    ArenaSet arenas() {
        return arenas;
    }

    /**
     * Checks that all memory may be used by this thread now.
     *
     * @throws IllegalStateException if an arena was closed or belongs to another thread
     */
    void checkAccess() {
        var thread = Thread.currentThread();
        if (!arenas.isAccessibleBy(thread)) {
            checkWritten(thread);
            for (var parameter : parameters) {
                checkAccess(
                        parameter,
                        "gradient",
                        parameter.gradient().orElse(null),
                        thread,
                        "; set another one, or take it away with clearGradient()");
                checkAccess(
                        parameter,
                        "curvature",
                        parameter.curvature().orElse(null),
                        thread,
                        "; set another one, or take it away with clearCurvature()");
            }
        }
    }

    private void checkWritten(Thread thread) {
        for (var piece : written) {
            checkAccess(piece.parameter(), piece.what(), piece.memory(), thread);
        }
    }

    private static void checkAccess(
            Parameter parameter, String what, @Nullable Memory memory, Thread thread) {
        checkAccess(parameter, what, memory, thread, "");
    }

    private static void checkAccess(
            Parameter parameter,
            String what,
            @Nullable Memory memory,
            Thread thread,
            String remedy) {
        if (!(memory instanceof HostMemory(var segment))) {
            return;
        }
        if (!segment.scope().isAlive()) {
            throw new IllegalStateException(
                    "parameter '%s': the arena of its %s is closed%s"
                            .formatted(parameter.name(), what, remedy));
        }
        if (!segment.isAccessibleBy(thread)) {
            throw new IllegalStateException(
                    "parameter '%s': the arena of its %s is confined to a thread other than %s%s"
                            .formatted(parameter.name(), what, thread.getName(), remedy));
        }
    }

    /**
     * Checks that every gradient may be written.
     *
     * @param what what is to become of them: "zeroed"
     * @throws IllegalStateException if one is read-only
     */
    void checkWritable(String what) {
        if (readOnly != null) {
            throw new IllegalStateException(
                    "parameter '%s': the gradient's segment is read-only, so it cannot be %s"
                            .formatted(readOnly.name(), what));
        }
    }

    /**
     * Checks that curvature is there only for rules that take it.
     *
     * @throws IllegalStateException if it is not
     */
    void checkCurvature() {
        if (misused != null) {
            throw new IllegalStateException(
                    "parameter '%s' has curvature, but its rule takes none"
                            .formatted(misused.name()));
        }
    }

    /**
     * Gives each parameter the gradient and curvature again that the last survey found.
     *
     * @return the first parameter that had others
     */
    Optional<Parameter> putBack() {
        Parameter replaced = null;
        for (int i = 0; i < parameters.length; i++) {
            var parameter = parameters[i];
            if (parameter.revision() != revisions[i]) {
                putBack(parameter, gradients[i], curvatures[i]);
                replaced = replaced == null ? parameter : replaced;
            }
        }
        return Optional.ofNullable(replaced);
    }

    private static void putBack(
            Parameter parameter, @Nullable Memory gradient, @Nullable Memory curvature) {
        if (gradient == null) {
            parameter.clearGradient();
        } else {
            parameter.gradient(gradient);
        }
        if (curvature == null) {
            parameter.clearCurvature();
        } else {
            parameter.curvature(curvature);
        }
    }

    /** Takes away the curvature that the last survey found. */
    void clearCurvature() {
        if (curved) {
            for (var parameter : parameters) {
                parameter.clearCurvature();
            }
        }
    }
}
