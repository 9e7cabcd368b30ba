package org.panoptim.cli.train;

import java.util.SequencedMap;

/**
 * An optimizer that a task trains with.
 *
 * @param <C> the choice itself
 */
public interface SetupChoice<C extends SetupChoice<C>> {

    /** What the command line and the report call it. */
    String name();

    /** Its rule and settings. */
    OptimizerSetup setup();

    /** The settings that are not off, by PyTorch's names. */
    SequencedMap<String, String> settings();

    /** Whether PyTorch's optimizer takes the steps. */
    boolean ofEngine();

    /** This with another rule and other settings. */
    C with(OptimizerSetup other);

    /** Whether there is such a setting. */
    default boolean has(String setting) {
        return ofEngine() ? EngineOptimizer.SETTINGS.contains(setting) : setup().has(setting);
    }

    /**
     * This with a setting changed.
     *
     * @throws IllegalArgumentException if the value is none for it
     */
    default C with(String setting, String value) {
        return with(setup().with(setting, value));
    }

    /** This under a schedule. */
    default C with(ScheduleChoice schedule) {
        return with(setup().with(schedule));
    }
}
