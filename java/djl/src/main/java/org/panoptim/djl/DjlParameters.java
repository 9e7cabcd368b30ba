package org.panoptim.djl;

import ai.djl.nn.Block;
import ai.djl.util.Pair;

import org.panoptim.parameter.NamedParameters;
import org.panoptim.parameter.Parameter;
import org.panoptim.parameter.ParameterSource;

import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;

/**
 * The parameters of a DJL block on the PyTorch engine, for an optimizer that steps them in place,
 * without copies. {@link PanoptimTrainer} makes them.
 *
 * <p>Names are those of {@code block.getParameters()}. Before an optimizer steps it lets its
 * parameters follow the engine: a gradient at another address is used there, a parameter without
 * one, or a frozen one ({@code freeze(true)}), is left alone, and a step is refused with an {@link
 * IllegalStateException}, and nothing changed, where a value is not where it was.
 *
 * <p>Dense float32 arrays on the CPU are stepped, of at most 2²⁹ − 1 elements: DJL tells the
 * addresses of no others. The statistics of batch normalization are the model's own and are not in
 * the list.
 *
 * <p>Values and gradients are the engine's memory: close the optimizer first, then this, then the
 * model. One thread at a time.
 */
public final class DjlParameters implements NamedParameters, AutoCloseable {

    private final Arena arena = Arena.ofShared();
    private final Map<Parameter, TrackedArray> byParameter = new IdentityHashMap<>();
    private final List<Parameter> parameters;
    private final ArrayWatch all;

    private DjlParameters(Iterable<Pair<String, ai.djl.nn.Parameter>> named) {
        ParameterSource source = this::watch;
        var found = new ArrayList<Parameter>();
        try {
            for (var each : named) {
                if (isStepped(each.getKey(), each.getValue())) {
                    var owner = each.getValue();
                    var array = owner.getArray();
                    var tracked =
                            new TrackedArray(
                                    each.getKey(), array, owner::requiresGradient, arena, source);
                    byParameter.put(tracked.parameter(), tracked);
                    found.add(tracked.parameter());
                }
            }
        } catch (RuntimeException e) {
            arena.close();
            throw e;
        }
        parameters = List.copyOf(found);
        all = watch(parameters);
    }

    private ArrayWatch watch(List<Parameter> some) {
        return new ArrayWatch(arena, some.stream().map(byParameter::get).toList());
    }

    /** Frozen ones that could not be stepped are left alone. */
    private static boolean isStepped(String name, ai.djl.nn.Parameter parameter) {
        if (isStatistic(parameter)) {
            return false;
        }
        if (!parameter.isInitialized()) {
            throw new IllegalArgumentException(
                    "parameter '%s' is not initialized; call initialize(shapes) first"
                            .formatted(name));
        }
        var problem = TrackedArray.problem(parameter.getArray());
        if (problem.isPresent() && parameter.requiresGradient()) {
            throw new IllegalArgumentException("parameter '%s' %s".formatted(name, problem.get()));
        }
        return problem.isEmpty();
    }

    private static boolean isStatistic(ai.djl.nn.Parameter parameter) {
        return switch (parameter.getType()) {
            case RUNNING_MEAN, RUNNING_VAR -> true;
            case WEIGHT, BIAS, GAMMA, BETA, OTHER -> false;
        };
    }

    /**
     * The parameters of a block and all blocks in it.
     *
     * @param block initialized, with a gradient attached to what is trained
     * @throws IllegalArgumentException if a parameter is not initialized, or one that is trained
     *     cannot be stepped in place, with its name and the reason
     */
    public static DjlParameters of(Block block) {
        return new DjlParameters(block.getParameters());
    }

    /** All of them, in the block's order, for the optimizer's groups. */
    @Override
    public List<Parameter> list() {
        return parameters;
    }

    /**
     * Lets every parameter have the gradient that the engine has for it now. Steps do so by
     * themselves; call it to read {@link Parameter#gradient}.
     *
     * @throws IllegalStateException if a gradient or value cannot be used; no parameter is changed
     */
    public void refresh() {
        all.refresh();
    }

    /** Lets go of the engine's memory; closing twice is harmless. */
    @Override
    public void close() {
        if (arena.scope().isAlive()) {
            arena.close();
        }
    }
}
