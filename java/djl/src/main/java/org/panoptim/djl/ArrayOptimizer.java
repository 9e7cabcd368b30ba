package org.panoptim.djl;

import ai.djl.ndarray.NDArray;
import ai.djl.training.optimizer.Optimizer;

import org.panoptim.backend.Backend;
import org.panoptim.parameter.ParameterSource;
import org.panoptim.rule.UpdateRule;
import org.panoptim.schedule.Schedule;

import java.lang.foreign.Arena;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalDouble;

/**
 * An optimizer for DJL's own trainers, which {@link PanoptimOptimizer} makes. It steps the arrays
 * that it is handed, one at a time, in place; their gradients are zeros after it.
 *
 * <p>Dense float32 arrays on the CPU with DJL's PyTorch engine are stepped. Close it when the
 * trainer is closed: it has the states.
 */
public final class ArrayOptimizer extends Optimizer implements AutoCloseable {

    private final UpdateRule rule;
    private final Schedule schedule;
    private final OptionalDouble clipValue;
    private final Arena arena = Arena.ofShared();
    private final Backend backend = Backend.best();
    private final Map<String, org.panoptim.Optimizer> optimizers = new HashMap<>();

    ArrayOptimizer(UpdateRule rule, Schedule schedule, OptionalDouble clipValue) {
        super(new NoSettings());
        this.rule = rule;
        this.schedule = schedule;
        this.clipValue = clipValue;
    }

    /** What DJL's base class has settings for is the rule's here. */
    private static final class NoSettings extends OptimizerBuilder<NoSettings> {
        @Override
        protected NoSettings self() {
            return this;
        }
    }

    /**
     * Steps one array with the gradient that the engine has for it, which is zeros after it.
     *
     * @param parameterId which array it is
     * @param gradient what DJL makes of the gradient; the array's own is used
     * @throws IllegalArgumentException if the array cannot be stepped in place, with the reason
     */
    @Override
    public void update(String parameterId, NDArray weight, NDArray gradient) {
        if (!arena.scope().isAlive()) {
            throw new IllegalStateException("this optimizer is closed");
        }
        optimizers.computeIfAbsent(parameterId, id -> optimizer(id, weight)).step();
    }

    private org.panoptim.Optimizer optimizer(String id, NDArray weight) {
        TrackedArray.problem(weight)
                .ifPresent(
                        why -> {
                            throw new IllegalArgumentException(
                                    "parameter '%s' %s".formatted(id, why));
                        });
        var tracked = new TrackedArray[1];
        ParameterSource source = _ -> new ArrayWatch(arena, List.of(tracked[0]));
        tracked[0] = new TrackedArray(id, weight, () -> true, arena, source);
        var builder =
                org.panoptim.Optimizer.builder(rule)
                        .group("all", List.of(tracked[0].parameter()))
                        .schedule(schedule)
                        .zeroGradients(true)
                        .backend(backend);
        clipValue.ifPresent(builder::clipValue);
        return builder.build();
    }

    /** Lets go of all states; closing twice is harmless. */
    @Override
    public void close() {
        if (arena.scope().isAlive()) {
            optimizers.values().forEach(org.panoptim.Optimizer::close);
            backend.close();
            arena.close();
        }
    }
}
