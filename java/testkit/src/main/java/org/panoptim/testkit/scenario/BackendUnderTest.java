package org.panoptim.testkit.scenario;

import org.panoptim.backend.Backend;

/**
 * A backend that is compared with others.
 *
 * @param name in reports of differences
 * @param backend closed with this
 * @param beforeCalls runs before each action, to set what several backends of a process share
 * @param captured whether steps are {@linkplain org.panoptim.Optimizer#capture captured} and
 *     replayed instead of being called, where the library captures them
 */
public record BackendUnderTest(String name, Backend backend, Runnable beforeCalls, boolean captured)
        implements AutoCloseable {

    /** A backend whose steps are called. */
    public BackendUnderTest(String name, Backend backend, Runnable beforeCalls) {
        this(name, backend, beforeCalls, false);
    }

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
