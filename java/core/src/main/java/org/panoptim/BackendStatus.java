package org.panoptim;

import java.util.List;
import java.util.Objects;

/**
 * What came of trying a backend.
 *
 * @param name the backend's name
 * @param available whether it works here
 * @param summary in one line: what it would run on, or why it cannot
 * @param tried what was tried, in order, and what came of it
 */
public record BackendStatus(String name, boolean available, String summary, List<String> tried) {

    /** Checks the components and copies the list. */
    public BackendStatus {
        Objects.requireNonNull(name, "name");
        Objects.requireNonNull(summary, "summary");
        tried = List.copyOf(tried);
    }
}
