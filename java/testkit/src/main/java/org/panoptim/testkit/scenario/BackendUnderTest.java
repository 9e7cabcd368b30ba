package org.panoptim.testkit.scenario;

import org.panoptim.Backend;

/**
 * A backend that is compared with others.
 *
 * @param name what differences call it
 * @param backend stays its opener's, who may close it by closing this
 * @param beforeCalls is run before each action, for what several backends of a process share
 */
public record BackendUnderTest(String name, Backend backend, Runnable beforeCalls)
        implements AutoCloseable {

    /** A backend under its own name that shares nothing. */
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
