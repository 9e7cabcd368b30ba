package org.panoptim.internal.checkpoint;

import org.panoptim.checkpoint.CheckpointException;
import org.panoptim.parameter.Parameter;
import org.panoptim.spi.Counters;
import org.panoptim.spi.Execution;
import org.panoptim.spi.PartialChangeException;
import org.panoptim.spi.StepPlan;
import org.panoptim.spi.UnsupportedPlanException;
import org.panoptim.step.LossScale;

import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.IdentityHashMap;
import java.util.Map;
import java.util.function.Consumer;

/**
 * A checkpoint that was read and checked, on its way into an optimizer.
 *
 * @param path that messages name
 * @param identity text that no other checkpoint has
 * @param before the plan that the optimizer has
 * @param scheduleBefore what its schedule remembers
 * @param loaded the plan that the checkpoint makes
 * @param states all of the optimizer's by name
 * @param staged the bytes of the states
 */
record Loading(
        Path path,
        String identity,
        CheckpointHeader header,
        StepPlan before,
        Map<String, Double> scheduleBefore,
        StepPlan loaded,
        Execution execution,
        Map<String, StatePart> states,
        Map<String, MemorySegment> staged) {

    /** Gives the schedule and the groups what the checkpoint says, or leaves both as they were. */
    void configure() throws CheckpointException {
        var schedule = before.schedule();
        try {
            schedule.restore(header.schedule());
        } catch (RuntimeException e) {
            // A user's schedule may refuse what it is given in its own way.
            schedule.restore(scheduleBefore);
            throw new CheckpointException(path, String.valueOf(e.getMessage()));
        }
        try {
            execution.configure(loaded);
        } catch (UnsupportedPlanException e) {
            schedule.restore(scheduleBefore);
            throw new CheckpointException(path, String.valueOf(e.getMessage()));
        } catch (RuntimeException | Error e) {
            // Not the file's fault.
            schedule.restore(scheduleBefore);
            throw e;
        }
    }

    /** Makes schedule and groups what they were, since another member cannot follow. */
    void takeBack() {
        try {
            before.schedule().restore(scheduleBefore);
            execution.configure(before);
        } catch (RuntimeException | Error e) {
            throw halfDone(e);
        }
    }

    /** That it failed when it could not be taken back. */
    PartialChangeException halfDone(Throwable reason) {
        return new PartialChangeException("loading " + path + " failed half way", reason);
    }

    /** Takes up all else; what fails here cannot be taken back. */
    void apply(Consumer<StepPlan> follow) {
        follow.accept(loaded);
        execution.restore(counters(), counts());
        var transform = loaded.curvature();
        transform.ifPresent(kept -> kept.restore(header.transform()));
        staged.forEach((name, values) -> states.get(name).write(values));
        transform.ifPresent(kept -> kept.follow(loaded, execution));
    }

    /** A fixed loss scale is a setting, on either side; only a dynamic one is taken up. */
    private Counters counters() {
        var saved = header.counters();
        if (loaded.lossScale() instanceof LossScale.Dynamic dynamic && header.dynamicLossScale()) {
            // It grows when the tracker meets the interval, which may be shorter now.
            long tracker = Math.min(saved.growthTracker(), dynamic.growthInterval() - 1);
            return new Counters(saved.step(), saved.skipped(), tracker, saved.lossScale());
        }
        return new Counters(saved.step(), saved.skipped(), 0, loaded.lossScale().initial());
    }

    private Map<Parameter, Long> counts() {
        var counts = new IdentityHashMap<Parameter, Long>();
        for (int i = 0; i < loaded.groups().size(); i++) {
            var parameters = loaded.groups().get(i).parameters();
            for (int j = 0; j < parameters.size(); j++) {
                counts.put(parameters.get(j), header.groups().get(i).parameters().get(j).count());
            }
        }
        return counts;
    }
}
