package org.panoptim.testkit.scenario;

import org.panoptim.backend.Backend;

/**
 * A backend that is compared with others.
 *
 * @param name in reports of differences
 * @param backend closed with this
 * @param beforeCalls runs before each action, to set what several backends of a process share
 */
public record BackendUnderTest(String name, Backend backend, Runnable beforeCalls)
        implements AutoCloseable {

    /** A backend that shares nothing, under its name. */
    public BackendUnderTest(Backend backend) {
        this(backend.name(), backend, () -> {});
    }

    @Override
    public void close() {
        backend.close();
    }

    @Override
    public String toString() {
        return name;
    }
}
