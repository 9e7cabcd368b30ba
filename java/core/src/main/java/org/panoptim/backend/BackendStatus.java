package org.panoptim.backend;

import org.panoptim.internal.Arguments;

import java.util.List;
import java.util.Objects;

/**
 * What came of trying a backend.
 *
 * @param name the backend's name
 * @param available whether it works here
 * @param summary in one line: what it would run on, or why it cannot
 * @param tried what was tried, in order, and what came of it
 * @param expected whether the machine has what the backend is for, so that it ought to work: where
 *     it does not, {@link Backend#best()} says so in a warning before it takes another
 */
public record BackendStatus(
        String name, boolean available, String summary, List<String> tried, boolean expected) {

    /** Checks the components and copies the list. */
    public BackendStatus {
        Objects.requireNonNull(name, "name");
        Objects.requireNonNull(summary, "summary");
        tried = Arguments.copyOf(tried, "tried");
    }

    /** The status of a backend that is expected to work only if it does. */
    public BackendStatus(String name, boolean available, String summary, List<String> tried) {
        this(name, available, summary, tried, available);
    }

    /** In one line: the name, what was found, and what was tried. */
    String line() {
        return tried.isEmpty()
                ? name + ": " + summary
                : name + ": " + summary + " (" + String.join("; ", tried) + ")";
    }
}
