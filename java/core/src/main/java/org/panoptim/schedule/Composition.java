package org.panoptim.schedule;

import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * A schedule that is made of others, and remembers what they remember: the state has the names of
 * the parts' states behind the part's index, such as {@code 1.best}.
 */
abstract class Composition implements Schedule {

    private final String name;
    private final List<Schedule> parts;

    /**
     * A composition.
     *
     * @param name of the factory method, for messages
     * @param parts at least one
     */
    Composition(String name, List<? extends Schedule> parts) {
        this.name = name;
        this.parts = List.copyOf(parts);
        Schedules.require(
                !parts.isEmpty(), name + ": schedules must be at least 1, but are " + parts.size());
    }

    final List<Schedule> parts() {
        return parts;
    }

    @Override
    public Map<String, Double> state() {
        var state = new TreeMap<String, Double>();
        for (int i = 0; i < parts.size(); i++) {
            var prefix = prefix(i);
            parts.get(i).state().forEach((key, value) -> state.put(prefix + key, value));
        }
        return Collections.unmodifiableMap(state);
    }

    @Override
    public void restore(Map<String, Double> state) {
        var states = new ArrayList<Map<String, Double>>();
        parts.forEach(_ -> states.add(new HashMap<>()));
        state.forEach(
                (key, value) -> {
                    int part = partOf(key);
                    states.get(part).put(key.substring(prefix(part).length()), value);
                });
        var before = parts.stream().map(Schedule::state).toList();
        for (int i = 0; i < parts.size(); i++) {
            try {
                parts.get(i).restore(states.get(i));
            } catch (RuntimeException e) {
                for (int j = 0; j < i; j++) {
                    parts.get(j).restore(before.get(j));
                }
                throw e instanceof IllegalArgumentException
                        ? new IllegalArgumentException(
                                "%s: schedule %d: %s".formatted(name, i, e.getMessage()), e)
                        : e;
            }
        }
    }

    private int partOf(String key) {
        for (int i = 0; i < parts.size(); i++) {
            if (key.startsWith(prefix(i))) {
                return i;
            }
        }
        throw new IllegalArgumentException(
                "%s: state has names of the %d schedules' states, from '%s…' on, but came with '%s'"
                        .formatted(name, parts.size(), prefix(0), key));
    }

    private static String prefix(int part) {
        return part + ".";
    }

    @Override
    public void attach() {
        for (int i = 0; i < parts.size(); i++) {
            try {
                parts.get(i).attach();
            } catch (RuntimeException | Error e) {
                parts.subList(0, i).forEach(Schedule::detach);
                throw e;
            }
        }
    }

    @Override
    public void detach() {
        parts.forEach(Schedule::detach);
    }
}
