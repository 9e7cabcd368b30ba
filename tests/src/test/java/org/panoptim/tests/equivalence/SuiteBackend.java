package org.panoptim.tests.equivalence;

import org.panoptim.backend.Backend;
import org.panoptim.testkit.scenario.BackendUnderTest;

import java.util.function.Supplier;

/**
 * A way to run steps that must give the reference's bits.
 *
 * @param name what a failing test calls it
 * @param opener opens the backend
 * @param beforeCalls is run before every call that launches kernels
 */
record SuiteBackend(String name, Supplier<Backend> opener, Runnable beforeCalls) {

    SuiteBackend(String name, Supplier<Backend> opener) {
        this(name, opener, () -> {});
    }

    /** Opened; whoever calls this closes it. */
    BackendUnderTest open() {
        beforeCalls.run();
        return new BackendUnderTest(name, opener.get(), beforeCalls);
    }

    /** Opened for parameters in host memory; whoever calls this closes it. */
    Backend openOnHost() {
        var backend = open().backend();
        return backend.usesHostMemory() ? backend : new OnDevice(backend, beforeCalls);
    }

    @Override
    public String toString() {
        return name;
    }
}
